"""The hash of names, by the section Hash of storage-format.md."""

M64 = 2**64 - 1
CONSTANTS = [0x2D358DCCAA6C78A5, 0x8BB84B93962EACC9, 0x4B33A62ED433D4A3, 0x4D5A2DA51DE1AA47,
             0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x90ED1765281C388C]


def mix(a, b):
    return (a * b & M64) ^ (a * b >> 64)


def premix(seed, constant):
    seed ^= mix(seed ^ CONSTANTS[2], constant)
    for window, low in ((0xFFFF << 48, 1 << 63), (0xFFFF << 24, 1 << 31), (0xFFFF, 1)):
        seed |= 0 if seed & window else low
    return seed


def hash_secrets(seed):
    """The seed and the seven secrets of a directory, from the seed of its manifest."""
    secrets = [premix(seed, CONSTANTS[0])]
    for constant in CONSTANTS:
        secrets.append(premix(secrets[-1], constant))
    return secrets[0], secrets[1:]


def rapidhash(data, secrets):
    """rapidhash V3, with a seed and secrets in the place of those of its reference."""
    seed, table = secrets
    word = lambda at: int.from_bytes(data[at:at + 8], "little")
    left, at, a, b = len(data), 0, 0, 0
    if left >= 17:
        if left > 112:
            lanes = [seed] * 7
            while left > 112:
                for i in range(7):
                    lanes[i] = mix(word(at + 16 * i) ^ table[i], word(at + 16 * i + 8) ^ lanes[i])
                at, left = at + 112, left - 112
            seed = 0
            for lane in lanes:
                seed ^= lane
        for i, which in enumerate([2, 2, 1, 1, 2, 1]):
            if left > 16 * (i + 1):
                seed = mix(word(at + 16 * i) ^ table[which], word(at + 16 * i + 8) ^ seed)
        a, b = word(at + left - 16) ^ left, word(at + left - 8)
    elif left >= 4:
        seed, width = seed ^ left, 8 if left >= 8 else 4
        a = int.from_bytes(data[:width], "little")
        b = int.from_bytes(data[left - width:], "little")
    elif left:
        a, b = data[0] << 45 | data[-1], data[left >> 1]
    a, b = a ^ table[1], b ^ seed
    return mix((a * b & M64) ^ 0xAAAAAAAAAAAAAAAA, (a * b >> 64) ^ table[1] ^ left)
