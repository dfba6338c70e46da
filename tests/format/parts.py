"""What all readers of parts of a directory share: failing, files, numbers."""
import os
import sys

NEVER = 2**64 - 1


def require(right, *what):
    if not right:
        sys.exit("wrong: " + " ".join(str(w) for w in what))


def file_bytes(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


class Cursor:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        require(self.at + n <= len(self.data), "an end inside of a value")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, width):
        return int.from_bytes(self.take(width), "little")

    u8 = lambda self: self.number(1)
    u16 = lambda self: self.number(2)
    u32 = lambda self: self.number(4)
    u48 = lambda self: self.number(6)
    u64 = lambda self: self.number(8)

    def varint(self):
        value = 0
        for i in range(5):
            byte = self.u8()
            value |= (byte & 127) << 7 * i
            if byte < 128:
                return value
        require(False, "a varint of more than five bytes")

    def bytes(self):
        return self.take(self.varint())

    def end(self):
        return self.at == len(self.data)


def bits(data, width, i):
    return int.from_bytes(data, "little") >> (i * width) & (1 << width) - 1
