//! Fields that expire, byte for byte: requests through the session, replies of Redis 8.2.3.

mod wire;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const NEGATIVE_TIME: &str = "-ERR invalid expire time, must be >= 0\r\n";
const NO_FIELDS: &str =
    "-ERR Mandatory argument FIELDS is missing or not at the right position\r\n";
const COUNT_NOT_POSITIVE: &str = "-ERR Number of fields must be a positive integer\r\n";
const COUNT_ZERO: &str = "-ERR Parameter `numFields` should be greater than 0\r\n";
const COUNT_DIFFERS: &str = "-ERR The `numfields` parameter must match the number of arguments\r\n";
const COUNT_INVALID: &str = "-ERR invalid number of fields\r\n";
const ONE_CONDITION: &str = "-ERR Only one of FXX or FNX arguments can be specified\r\n";
const ONE_EXPIRY: &str =
    "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified\r\n";
const BAD_TIME_HEXPIRE: &str = "-ERR invalid expire time in 'hexpire' command\r\n";
const BAD_TIME_HPEXPIRE: &str = "-ERR invalid expire time in 'hpexpire' command\r\n";
const BAD_TIME_HEXPIREAT: &str = "-ERR invalid expire time in 'hexpireat' command\r\n";
const BAD_TIME_HPEXPIREAT: &str = "-ERR invalid expire time in 'hpexpireat' command\r\n";
const BAD_TIME_HGETEX: &str = "-ERR invalid expire time in 'hgetex' command\r\n";
const BAD_TIME_HSETEX: &str = "-ERR invalid expire time in 'hsetex' command\r\n";
const ARITY_HGETEX: &str = "-ERR wrong number of arguments for 'hgetex' command\r\n";
const ARITY_HSETEX: &str = "-ERR wrong number of arguments for 'hsetex' command\r\n";

#[test]
fn expiries_are_set_and_shown() {
    wire::check(&[
        ("HSET h a 1 b 2 c 3", ":3\r\n"),
        (
            "HEXPIREAT h 9999999999 FIELDS 2 a nope",
            "*2\r\n:1\r\n:-2\r\n",
        ),
        (
            "HEXPIRETIME h FIELDS 3 a b nope",
            "*3\r\n:9999999999\r\n:-1\r\n:-2\r\n",
        ),
        (
            "HPEXPIRETIME h FIELDS 3 a b nope",
            "*3\r\n:9999999999000\r\n:-1\r\n:-2\r\n",
        ),
        ("HPEXPIREAT h 9999999999001 FIELDS 1 b", "*1\r\n:1\r\n"),
        ("HEXPIRETIME h FIELDS 1 b", "*1\r\n:10000000000\r\n"),
        ("HPEXPIRETIME h FIELDS 1 b", "*1\r\n:9999999999001\r\n"),
        ("HPEXPIREAT h 9999999999500 FIELDS 1 b", "*1\r\n:1\r\n"),
        ("HEXPIRETIME h FIELDS 1 b", "*1\r\n:10000000000\r\n"),
        ("HPEXPIREAT h 9999999999999 FIELDS 1 b", "*1\r\n:1\r\n"),
        ("HEXPIRETIME h FIELDS 1 b", "*1\r\n:10000000000\r\n"),
        ("HEXPIRE h 100 FIELDS 1 c", "*1\r\n:1\r\n"),
        ("HTTL h FIELDS 1 c", "*1\r\n:100\r\n"),
        ("HPTTL h FIELDS 1 c", "*1\r\n:100000\r\n"),
        ("HPEXPIRE h 100499 FIELDS 1 c", "*1\r\n:1\r\n"),
        ("HTTL h FIELDS 1 c", "*1\r\n:101\r\n"),
        ("HPTTL h FIELDS 1 c", "*1\r\n:100499\r\n"),
        ("HPEXPIRE h 100501 FIELDS 1 c", "*1\r\n:1\r\n"),
        ("HTTL h FIELDS 1 c", "*1\r\n:101\r\n"),
        ("HPEXPIRETIME h FIELDS 1 c", "*1\r\n:1700000100501\r\n"),
        ("HEXPIRETIME h FIELDS 1 c", "*1\r\n:1700000101\r\n"),
        (
            "HPERSIST h FIELDS 4 a b nope c",
            "*4\r\n:1\r\n:1\r\n:-2\r\n:1\r\n",
        ),
        ("HPERSIST h FIELDS 2 a b", "*2\r\n:-1\r\n:-1\r\n"),
        ("HTTL h FIELDS 2 a nope", "*2\r\n:-1\r\n:-2\r\n"),
        ("HPTTL h FIELDS 2 a nope", "*2\r\n:-1\r\n:-2\r\n"),
        (
            "HGETALL h",
            "*6\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n3\r\n",
        ),
        ("HLEN h", ":3\r\n"),
        (
            "HEXPIREAT nope 9999999999 FIELDS 2 a b",
            "*2\r\n:-2\r\n:-2\r\n",
        ),
        ("HTTL nope FIELDS 2 a b", "*2\r\n:-2\r\n:-2\r\n"),
        ("HPTTL nope FIELDS 1 a", "*1\r\n:-2\r\n"),
        ("HEXPIRETIME nope FIELDS 1 a", "*1\r\n:-2\r\n"),
        ("HPEXPIRETIME nope FIELDS 1 a", "*1\r\n:-2\r\n"),
        ("HPERSIST nope FIELDS 2 a b", "*2\r\n:-2\r\n:-2\r\n"),
        ("EXISTS nope", ":0\r\n"),
        ("TTL h", ":-1\r\n"),
        ("TYPE h", "+hash\r\n"),
    ]);
}

#[test]
fn conditions_of_expiries() {
    // A field without an expiry counts as one that lives for ever.
    wire::check(&[
        ("HSET h a 1 b 2", ":2\r\n"),
        ("HEXPIREAT h 9999999999 XX FIELDS 1 a", "*1\r\n:0\r\n"),
        ("HEXPIREAT h 9999999999 GT FIELDS 1 a", "*1\r\n:0\r\n"),
        ("HEXPIRETIME h FIELDS 1 a", "*1\r\n:-1\r\n"),
        (
            "HEXPIREAT h 9999999999 NX FIELDS 2 a nope",
            "*2\r\n:1\r\n:-2\r\n",
        ),
        ("HEXPIREAT h 9999999998 NX FIELDS 1 a", "*1\r\n:0\r\n"),
        ("HEXPIREAT h 9999999999 GT FIELDS 1 a", "*1\r\n:0\r\n"),
        ("HEXPIREAT h 9999999999 LT FIELDS 1 a", "*1\r\n:0\r\n"),
        ("HEXPIREAT h 9999999998 GT FIELDS 1 a", "*1\r\n:0\r\n"),
        (
            "HEXPIREAT h 9999999998 LT FIELDS 2 a b",
            "*2\r\n:1\r\n:1\r\n",
        ),
        (
            "HEXPIRETIME h FIELDS 2 a b",
            "*2\r\n:9999999998\r\n:9999999998\r\n",
        ),
        ("HEXPIREAT h 9999999999 gt FIELDS 1 a", "*1\r\n:1\r\n"),
        ("HEXPIREAT h 9999999997 xx fields 1 a", "*1\r\n:1\r\n"),
        (
            "HPEXPIREAT h 9999999997001 GT FIELDS 2 a b",
            "*2\r\n:1\r\n:0\r\n",
        ),
        (
            "HPEXPIRETIME h FIELDS 2 a b",
            "*2\r\n:9999999997001\r\n:9999999998000\r\n",
        ),
        (
            "HEXPIREAT h 9999999999 XX FIELDS 3 a b nope",
            "*3\r\n:1\r\n:1\r\n:-2\r\n",
        ),
        ("HEXPIREAT h 1 GT FIELDS 1 a", "*1\r\n:0\r\n"),
        ("HEXPIREAT h 1 NX FIELDS 1 a", "*1\r\n:0\r\n"),
        ("HMGET h a b", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n"),
        ("HEXPIREAT h 1 LT FIELDS 1 a", "*1\r\n:2\r\n"),
        ("HGETALL h", "*2\r\n$1\r\nb\r\n$1\r\n2\r\n"),
        ("HSET h c 3", ":1\r\n"),
        ("HEXPIREAT h 1 XX FIELDS 1 c", "*1\r\n:0\r\n"),
        ("HEXPIREAT h 1 GT FIELDS 1 c", "*1\r\n:0\r\n"),
        ("HEXPIREAT h 1 NX FIELDS 1 c", "*1\r\n:2\r\n"),
        ("HEXISTS h c", ":0\r\n"),
        ("HSET h c 3", ":1\r\n"),
        ("HEXPIREAT h 1 LT FIELDS 1 c", "*1\r\n:2\r\n"),
        ("HEXISTS h c", ":0\r\n"),
        ("HEXPIREAT nope 9999999999 NX FIELDS 1 a", "*1\r\n:-2\r\n"),
        ("HEXPIREAT h 9999999999 NX XX FIELDS 1 a", NO_FIELDS),
        ("HEXPIREAT h 9999999999 NX GT FIELDS 1 a", NO_FIELDS),
        ("HEXPIREAT h 9999999999 KK FIELDS 1 a", NO_FIELDS),
        ("HEXPIREAT h 9999999999 FIELDS 1 b NX", COUNT_DIFFERS),
        ("HEXPIREAT h 9999999999 FIELDS NX 1 b", COUNT_ZERO),
    ]);
}

#[test]
fn past_times_delete() {
    wire::check(&[
        ("HSET h a 1 b 2 c 3 d 4 e 5", ":5\r\n"),
        ("HEXPIREAT h 1 FIELDS 2 a nope", "*2\r\n:2\r\n:-2\r\n"),
        (
            "HGETALL h",
            "*8\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n3\r\n$1\r\nd\r\n$1\r\n4\r\n$1\r\n\
            e\r\n$1\r\n5\r\n",
        ),
        ("HPEXPIREAT h 0 FIELDS 1 b", "*1\r\n:2\r\n"),
        ("HEXPIRE h 0 FIELDS 1 c", "*1\r\n:2\r\n"),
        (
            "HPEXPIRE h 0 FIELDS 3 d d nope",
            "*3\r\n:2\r\n:-2\r\n:-2\r\n",
        ),
        ("HKEYS h", "*1\r\n$1\r\ne\r\n"),
        ("HEXPIREAT h 0 FIELDS 1 e", "*1\r\n:2\r\n"),
        ("EXISTS h", ":0\r\n"),
        ("HEXPIREAT h 0 FIELDS 1 e", "*1\r\n:-2\r\n"),
        ("HSET h a 1", ":1\r\n"),
        ("EXPIREAT h 99999999999", ":1\r\n"),
        ("HEXPIRE h 0 FIELDS 1 a", "*1\r\n:2\r\n"),
        ("HSET h a 1", ":1\r\n"),
        ("EXPIRETIME h", ":-1\r\n"),
        ("HEXPIRE h -1 FIELDS 1 a", NEGATIVE_TIME),
        ("HEXISTS h a", ":1\r\n"),
        ("HSET h b 1", ":1\r\n"),
        (
            "HEXPIREAT h 1 FIELDS 4 a a b b",
            "*4\r\n:2\r\n:-2\r\n:2\r\n:-2\r\n",
        ),
        ("EXISTS h", ":0\r\n"),
    ]);
}

#[test]
fn names_given_twice_see_what_became_of_the_first() {
    wire::check(&[
        ("HSET h a 1 b 2", ":2\r\n"),
        ("HEXPIREAT h 9999999999 FIELDS 2 a a", "*2\r\n:1\r\n:1\r\n"),
        (
            "HEXPIREAT h 9999999998 NX FIELDS 2 b b",
            "*2\r\n:1\r\n:0\r\n",
        ),
        (
            "HEXPIREAT h 9999999997 LT FIELDS 2 a a",
            "*2\r\n:1\r\n:0\r\n",
        ),
        (
            "HEXPIREAT h 9999999998 GT FIELDS 3 a a b",
            "*3\r\n:1\r\n:0\r\n:0\r\n",
        ),
        (
            "HEXPIREAT h 9999999999 XX FIELDS 2 a a",
            "*2\r\n:1\r\n:1\r\n",
        ),
        ("HPERSIST h FIELDS 3 a a b", "*3\r\n:1\r\n:-1\r\n:1\r\n"),
        ("HTTL h FIELDS 2 a a", "*2\r\n:-1\r\n:-1\r\n"),
        (
            "HEXPIREAT h 9999999997 LT FIELDS 2 a a",
            "*2\r\n:1\r\n:0\r\n",
        ),
        ("HEXPIREAT h 1 FIELDS 2 a a", "*2\r\n:2\r\n:-2\r\n"),
        ("HSET h c 3", ":1\r\n"),
        (
            "HEXPIREAT h 1 LT FIELDS 3 b c b",
            "*3\r\n:2\r\n:2\r\n:-2\r\n",
        ),
        ("EXISTS h", ":0\r\n"),
        ("HSET h a 1 b 2", ":2\r\n"),
        (
            "HGETDEL h FIELDS 3 a a b",
            "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n",
        ),
        ("EXISTS h", ":0\r\n"),
        ("HSET h a 1 b 2", ":2\r\n"),
        (
            "HGETEX h EXAT 9999999999 FIELDS 3 a a b",
            "*3\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n2\r\n",
        ),
        (
            "HPEXPIRETIME h FIELDS 2 a b",
            "*2\r\n:9999999999000\r\n:9999999999000\r\n",
        ),
        (
            "HGETEX h PERSIST FIELDS 2 a a",
            "*2\r\n$1\r\n1\r\n$1\r\n1\r\n",
        ),
        (
            "HGETEX h EXAT 1 FIELDS 3 a a b",
            "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n",
        ),
        ("EXISTS h", ":0\r\n"),
        ("HSETEX h EXAT 9999999999 FIELDS 2 a 1 a 2", ":1\r\n"),
        ("HGETALL h", "*2\r\n$1\r\na\r\n$1\r\n2\r\n"),
        ("HEXPIRETIME h FIELDS 1 a", "*1\r\n:9999999999\r\n"),
        ("HSETEX h FNX FIELDS 2 z 1 z 2", ":1\r\n"),
        ("HSETEX h FXX FIELDS 2 z 3 z 4", ":1\r\n"),
        ("HGET h z", "$1\r\n4\r\n"),
    ]);
}

/// Redis bounds a field's expiry to 2^46 ms.
const TIMES_AND_COUNTS_ARE_CHECKED: &[(&str, &str)] = &[
    (
        "HEXPIRE",
        "-ERR wrong number of arguments for 'hexpire' command\r\n",
    ),
    (
        "HEXPIRE h 9 FIELDS 1",
        "-ERR wrong number of arguments for 'hexpire' command\r\n",
    ),
    (
        "HEXPIRE h",
        "-ERR wrong number of arguments for 'hexpire' command\r\n",
    ),
    (
        "HPEXPIRE",
        "-ERR wrong number of arguments for 'hpexpire' command\r\n",
    ),
    (
        "HPEXPIRE h 9 FIELDS 1",
        "-ERR wrong number of arguments for 'hpexpire' command\r\n",
    ),
    (
        "HPEXPIRE h",
        "-ERR wrong number of arguments for 'hpexpire' command\r\n",
    ),
    (
        "HEXPIREAT",
        "-ERR wrong number of arguments for 'hexpireat' command\r\n",
    ),
    (
        "HEXPIREAT h 9 FIELDS 1",
        "-ERR wrong number of arguments for 'hexpireat' command\r\n",
    ),
    (
        "HEXPIREAT h",
        "-ERR wrong number of arguments for 'hexpireat' command\r\n",
    ),
    (
        "HPEXPIREAT",
        "-ERR wrong number of arguments for 'hpexpireat' command\r\n",
    ),
    (
        "HPEXPIREAT h 9 FIELDS 1",
        "-ERR wrong number of arguments for 'hpexpireat' command\r\n",
    ),
    (
        "HPEXPIREAT h",
        "-ERR wrong number of arguments for 'hpexpireat' command\r\n",
    ),
    ("HSET h a 1 b 2", ":2\r\n"),
    ("HEXPIRE h x FIELDS 1 a", NOT_AN_INTEGER),
    ("HPEXPIRE h x FIELDS 1 a", NOT_AN_INTEGER),
    ("HEXPIREAT h x FIELDS 1 a", NOT_AN_INTEGER),
    ("HPEXPIREAT h x FIELDS 1 a", NOT_AN_INTEGER),
    ("HEXPIRE h \"\" FIELDS 1 a", NOT_AN_INTEGER),
    ("HPEXPIRE h \"\" FIELDS 1 a", NOT_AN_INTEGER),
    ("HEXPIREAT h \"\" FIELDS 1 a", NOT_AN_INTEGER),
    ("HPEXPIREAT h \"\" FIELDS 1 a", NOT_AN_INTEGER),
    ("HEXPIRE h 1.5 FIELDS 1 a", NOT_AN_INTEGER),
    ("HPEXPIRE h 1.5 FIELDS 1 a", NOT_AN_INTEGER),
    ("HEXPIREAT h 1.5 FIELDS 1 a", NOT_AN_INTEGER),
    ("HPEXPIREAT h 1.5 FIELDS 1 a", NOT_AN_INTEGER),
    ("HEXPIRE h -1 FIELDS 1 a", NEGATIVE_TIME),
    ("HPEXPIRE h -1 FIELDS 1 a", NEGATIVE_TIME),
    ("HEXPIREAT h -1 FIELDS 1 a", NEGATIVE_TIME),
    ("HPEXPIREAT h -1 FIELDS 1 a", NEGATIVE_TIME),
    ("HEXPIRE h -9223372036854775808 FIELDS 1 a", NEGATIVE_TIME),
    ("HPEXPIRE h -9223372036854775808 FIELDS 1 a", NEGATIVE_TIME),
    ("HEXPIREAT h -9223372036854775808 FIELDS 1 a", NEGATIVE_TIME),
    (
        "HPEXPIREAT h -9223372036854775808 FIELDS 1 a",
        NEGATIVE_TIME,
    ),
    ("HEXPIRE h 9223372036854775807 FIELDS 1 a", BAD_TIME_HEXPIRE),
    (
        "HPEXPIRE h 9223372036854775807 FIELDS 1 a",
        BAD_TIME_HPEXPIRE,
    ),
    (
        "HEXPIREAT h 9223372036854775807 FIELDS 1 a",
        BAD_TIME_HEXPIREAT,
    ),
    (
        "HPEXPIREAT h 9223372036854775807 FIELDS 1 a",
        BAD_TIME_HPEXPIREAT,
    ),
    ("HEXPIRE h 9223372036854775808 FIELDS 1 a", NOT_AN_INTEGER),
    ("HPEXPIRE h 9223372036854775808 FIELDS 1 a", NOT_AN_INTEGER),
    ("HEXPIREAT h 9223372036854775808 FIELDS 1 a", NOT_AN_INTEGER),
    (
        "HPEXPIREAT h 9223372036854775808 FIELDS 1 a",
        NOT_AN_INTEGER,
    ),
    ("HEXPIRE h 70368744177664 FIELDS 1 a", BAD_TIME_HEXPIRE),
    ("HPEXPIRE h 70368744177664 FIELDS 1 a", BAD_TIME_HPEXPIRE),
    ("HEXPIREAT h 70368744177664 FIELDS 1 a", BAD_TIME_HEXPIREAT),
    (
        "HPEXPIREAT h 70368744177664 FIELDS 1 a",
        BAD_TIME_HPEXPIREAT,
    ),
    ("HEXPIRE h 9223372036854775 FIELDS 1 a", BAD_TIME_HEXPIRE),
    ("HPEXPIRE h 9223372036854775 FIELDS 1 a", BAD_TIME_HPEXPIRE),
    (
        "HEXPIREAT h 9223372036854775 FIELDS 1 a",
        BAD_TIME_HEXPIREAT,
    ),
    (
        "HPEXPIREAT h 9223372036854775 FIELDS 1 a",
        BAD_TIME_HPEXPIREAT,
    ),
    ("HEXPIRE h 9223372036854776 FIELDS 1 a", BAD_TIME_HEXPIRE),
    ("HPEXPIRE h 9223372036854776 FIELDS 1 a", BAD_TIME_HPEXPIRE),
    (
        "HEXPIREAT h 9223372036854776 FIELDS 1 a",
        BAD_TIME_HEXPIREAT,
    ),
    (
        "HPEXPIREAT h 9223372036854776 FIELDS 1 a",
        BAD_TIME_HPEXPIREAT,
    ),
    ("HPEXPIREAT h 70368744177663 FIELDS 1 a", "*1\r\n:1\r\n"),
    ("HPEXPIRETIME h FIELDS 1 a", "*1\r\n:70368744177663\r\n"),
    ("HEXPIRETIME h FIELDS 1 a", "*1\r\n:70368744178\r\n"),
    ("HEXPIREAT h 70368744177 FIELDS 1 a", "*1\r\n:1\r\n"),
    ("HPEXPIRETIME h FIELDS 1 a", "*1\r\n:70368744177000\r\n"),
    ("HEXPIREAT h 70368744178 FIELDS 1 a", BAD_TIME_HEXPIREAT),
    ("HEXPIRE h 70368744177 FIELDS 1 a", BAD_TIME_HEXPIRE),
    ("HPEXPIRE h 70368744177663 FIELDS 1 a", BAD_TIME_HPEXPIRE),
    ("HEXPIRETIME h FIELDS 1 a", "*1\r\n:70368744177\r\n"),
    ("HEXPIREAT nope x FIELDS 1 a", NOT_AN_INTEGER),
    ("HEXPIREAT nope -1 FIELDS 1 a", NEGATIVE_TIME),
    (
        "HEXPIREAT nope 9223372036854775807 FIELDS 1 a",
        BAD_TIME_HEXPIREAT,
    ),
    ("HEXPIREAT nope 1 FIELDS 0 a", COUNT_ZERO),
    ("HEXPIREAT nope 1 FIELDS 2 a", COUNT_DIFFERS),
    ("HEXPIREAT nope 1 NONSENSE 1 a", NO_FIELDS),
    ("HEXPIREAT h 1 FIELDS 0 a", COUNT_ZERO),
    ("HEXPIREAT h 1 FIELDS -1 a", COUNT_ZERO),
    ("HEXPIREAT h 1 FIELDS x a", COUNT_ZERO),
    ("HEXPIREAT h 1 FIELDS \"\" a", COUNT_ZERO),
    ("HEXPIREAT h 1 FIELDS 1.5 a", COUNT_ZERO),
    ("HEXPIREAT h 1 FIELDS 01 a", COUNT_ZERO),
    ("HEXPIREAT h 1 FIELDS 2 a", COUNT_DIFFERS),
    ("HEXPIREAT h 1 FIELDS 1 a b", COUNT_DIFFERS),
    ("HEXPIREAT h 1 FIELDS 3 a b", COUNT_DIFFERS),
    ("HEXPIREAT h 1 FIELDS 2147483647 a", COUNT_DIFFERS),
    ("HEXPIREAT h 1 FIELDS 2147483648 a", COUNT_DIFFERS),
    ("HEXPIREAT h 1 FIELDS 4294967297 a", COUNT_DIFFERS),
    ("HEXPIREAT h 1 FIELDS 9223372036854775807 a", COUNT_DIFFERS),
    ("HEXPIREAT h 1 FIELDS 9223372036854775808 a", COUNT_ZERO),
    ("HEXPIREAT h 1 FIELD 1 a", NO_FIELDS),
    ("HEXPIREAT h 1 1 a b", NO_FIELDS),
    ("HEXPIREAT h 1 NX 1 a", NO_FIELDS),
    ("HEXPIREAT h 1 NX FIELDS 1", COUNT_DIFFERS),
    ("HEXPIREAT h 1 NX FIELDS x a", COUNT_ZERO),
    ("HEXPIREAT h 1 NX FIELDS 2 a", COUNT_DIFFERS),
    ("HEXPIREAT h 1 FIELDS FIELDS 1 a", COUNT_ZERO),
    ("HEXPIREAT h x NONSENSE x a", NOT_AN_INTEGER),
    ("HEXPIREAT h -1 NONSENSE x a", NEGATIVE_TIME),
    ("HEXPIREAT h 1 NONSENSE x a", NO_FIELDS),
    ("HEXPIREAT h 1 NONSENSE FIELDS x a", NO_FIELDS),
    (
        "HGETALL h",
        "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
    ),
];

#[test]
fn times_and_counts_are_checked() {
    wire::check(TIMES_AND_COUNTS_ARE_CHECKED);
}

const COUNTS_OF_FIELDS_ARE_CHECKED: &[(&str, &str)] = &[
    (
        "HTTL",
        "-ERR wrong number of arguments for 'httl' command\r\n",
    ),
    (
        "HTTL h",
        "-ERR wrong number of arguments for 'httl' command\r\n",
    ),
    (
        "HTTL h FIELDS 1",
        "-ERR wrong number of arguments for 'httl' command\r\n",
    ),
    (
        "HPTTL",
        "-ERR wrong number of arguments for 'hpttl' command\r\n",
    ),
    (
        "HPTTL h",
        "-ERR wrong number of arguments for 'hpttl' command\r\n",
    ),
    (
        "HPTTL h FIELDS 1",
        "-ERR wrong number of arguments for 'hpttl' command\r\n",
    ),
    (
        "HEXPIRETIME",
        "-ERR wrong number of arguments for 'hexpiretime' command\r\n",
    ),
    (
        "HEXPIRETIME h",
        "-ERR wrong number of arguments for 'hexpiretime' command\r\n",
    ),
    (
        "HEXPIRETIME h FIELDS 1",
        "-ERR wrong number of arguments for 'hexpiretime' command\r\n",
    ),
    (
        "HPEXPIRETIME",
        "-ERR wrong number of arguments for 'hpexpiretime' command\r\n",
    ),
    (
        "HPEXPIRETIME h",
        "-ERR wrong number of arguments for 'hpexpiretime' command\r\n",
    ),
    (
        "HPEXPIRETIME h FIELDS 1",
        "-ERR wrong number of arguments for 'hpexpiretime' command\r\n",
    ),
    (
        "HPERSIST",
        "-ERR wrong number of arguments for 'hpersist' command\r\n",
    ),
    (
        "HPERSIST h",
        "-ERR wrong number of arguments for 'hpersist' command\r\n",
    ),
    (
        "HPERSIST h FIELDS 1",
        "-ERR wrong number of arguments for 'hpersist' command\r\n",
    ),
    (
        "HGETDEL",
        "-ERR wrong number of arguments for 'hgetdel' command\r\n",
    ),
    (
        "HGETDEL h",
        "-ERR wrong number of arguments for 'hgetdel' command\r\n",
    ),
    (
        "HGETDEL h FIELDS 1",
        "-ERR wrong number of arguments for 'hgetdel' command\r\n",
    ),
    ("HGETEX", ARITY_HGETEX),
    ("HGETEX h", ARITY_HGETEX),
    ("HGETEX h FIELDS 1", ARITY_HGETEX),
    ("HSET h a 1 b 2", ":2\r\n"),
    ("HTTL h FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HTTL h FIELDS -1 a", COUNT_NOT_POSITIVE),
    ("HTTL h FIELDS x a", COUNT_NOT_POSITIVE),
    ("HTTL h FIELDS 2 a", COUNT_DIFFERS),
    ("HTTL h FIELDS 1 a b", COUNT_DIFFERS),
    ("HTTL h FIELD 1 a", NO_FIELDS),
    ("HTTL nope FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HTTL h FIELDS 2147483648 a", COUNT_DIFFERS),
    ("HTTL h FIELDS 9223372036854775807 a", COUNT_DIFFERS),
    ("HTTL h FIELDS 9223372036854775808 a", COUNT_NOT_POSITIVE),
    ("HTTL h 1 a b", NO_FIELDS),
    ("HTTL h a FIELDS 1", NO_FIELDS),
    ("HTTL h NX FIELDS 1 a", NO_FIELDS),
    ("HTTL nope FIELDS 2 a", COUNT_DIFFERS),
    ("HTTL nope NONSENSE 1 a", NO_FIELDS),
    ("HTTL nope fields 1 a", "*1\r\n:-2\r\n"),
    ("HPTTL h FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HPTTL h FIELDS -1 a", COUNT_NOT_POSITIVE),
    ("HPTTL h FIELDS x a", COUNT_NOT_POSITIVE),
    ("HPTTL h FIELDS 2 a", COUNT_DIFFERS),
    ("HPTTL h FIELDS 1 a b", COUNT_DIFFERS),
    ("HPTTL h FIELD 1 a", NO_FIELDS),
    ("HPTTL nope FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HEXPIRETIME h FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HEXPIRETIME h FIELDS -1 a", COUNT_NOT_POSITIVE),
    ("HEXPIRETIME h FIELDS x a", COUNT_NOT_POSITIVE),
    ("HEXPIRETIME h FIELDS 2 a", COUNT_DIFFERS),
    ("HEXPIRETIME h FIELDS 1 a b", COUNT_DIFFERS),
    ("HEXPIRETIME h FIELD 1 a", NO_FIELDS),
    ("HEXPIRETIME nope FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HPEXPIRETIME h FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HPEXPIRETIME h FIELDS -1 a", COUNT_NOT_POSITIVE),
    ("HPEXPIRETIME h FIELDS x a", COUNT_NOT_POSITIVE),
    ("HPEXPIRETIME h FIELDS 2 a", COUNT_DIFFERS),
    ("HPEXPIRETIME h FIELDS 1 a b", COUNT_DIFFERS),
    ("HPEXPIRETIME h FIELD 1 a", NO_FIELDS),
    ("HPEXPIRETIME nope FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HPERSIST h FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HPERSIST h FIELDS -1 a", COUNT_NOT_POSITIVE),
    ("HPERSIST h FIELDS x a", COUNT_NOT_POSITIVE),
    ("HPERSIST h FIELDS 2 a", COUNT_DIFFERS),
    ("HPERSIST h FIELDS 1 a b", COUNT_DIFFERS),
    ("HPERSIST h FIELD 1 a", NO_FIELDS),
    ("HPERSIST nope FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HPERSIST h FIELDS 2147483648 a", COUNT_DIFFERS),
    ("HPERSIST h FIELDS 9223372036854775807 a", COUNT_DIFFERS),
    (
        "HPERSIST h FIELDS 9223372036854775808 a",
        COUNT_NOT_POSITIVE,
    ),
    ("HPERSIST h 1 a b", NO_FIELDS),
    ("HPERSIST h a FIELDS 1", NO_FIELDS),
    ("HPERSIST h NX FIELDS 1 a", NO_FIELDS),
    ("HPERSIST nope FIELDS 2 a", COUNT_DIFFERS),
    ("HPERSIST nope NONSENSE 1 a", NO_FIELDS),
    ("HPERSIST nope fields 1 a", "*1\r\n:-2\r\n"),
    ("HGETDEL h FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HGETDEL h FIELDS -1 a", COUNT_NOT_POSITIVE),
    ("HGETDEL h FIELDS x a", COUNT_NOT_POSITIVE),
    ("HGETDEL h FIELDS 2 a", COUNT_DIFFERS),
    ("HGETDEL h FIELDS 1 a b", COUNT_DIFFERS),
    ("HGETDEL h FIELD 1 a", NO_FIELDS),
    ("HGETDEL nope FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HGETEX h FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HGETEX h FIELDS -1 a", COUNT_NOT_POSITIVE),
    ("HGETEX h FIELDS x a", COUNT_NOT_POSITIVE),
    ("HGETEX h FIELDS 2 a", COUNT_DIFFERS),
    ("HGETEX h FIELDS 1 a b", COUNT_DIFFERS),
    ("HGETEX h FIELD 1 a", NO_FIELDS),
    ("HGETEX nope FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HGETEX h FIELDS 2147483648 a", COUNT_DIFFERS),
    ("HGETEX h FIELDS 9223372036854775807 a", COUNT_DIFFERS),
    ("HGETEX h FIELDS 9223372036854775808 a", COUNT_NOT_POSITIVE),
    ("HGETEX h 1 a b", NO_FIELDS),
    ("HGETEX h a FIELDS 1", NO_FIELDS),
    ("HGETEX h NX FIELDS 1 a", NO_FIELDS),
    ("HGETEX nope FIELDS 2 a", COUNT_DIFFERS),
    ("HGETEX nope NONSENSE 1 a", NO_FIELDS),
    ("HGETEX nope fields 1 a", "*1\r\n$-1\r\n"),
    (
        "HGETALL h",
        "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
    ),
];

#[test]
fn counts_of_fields_are_checked() {
    wire::check(COUNTS_OF_FIELDS_ARE_CHECKED);
}

const STRINGS_HAVE_NO_FIELDS: &[(&str, &str)] = &[
    ("SET s v", "+OK\r\n"),
    ("HEXPIRE s 1 FIELDS 1 a", WRONG_TYPE),
    ("HEXPIRE s x FIELDS 1 a", WRONG_TYPE),
    ("HEXPIRE s 1 NONSENSE 1 a", WRONG_TYPE),
    ("HEXPIRE s 1 FIELDS x a", WRONG_TYPE),
    ("HEXPIRE s -1 FIELDS 2 a", WRONG_TYPE),
    ("HPEXPIRE s 1 FIELDS 1 a", WRONG_TYPE),
    ("HPEXPIRE s x FIELDS 1 a", WRONG_TYPE),
    ("HPEXPIRE s 1 NONSENSE 1 a", WRONG_TYPE),
    ("HPEXPIRE s 1 FIELDS x a", WRONG_TYPE),
    ("HPEXPIRE s -1 FIELDS 2 a", WRONG_TYPE),
    ("HEXPIREAT s 1 FIELDS 1 a", WRONG_TYPE),
    ("HEXPIREAT s x FIELDS 1 a", WRONG_TYPE),
    ("HEXPIREAT s 1 NONSENSE 1 a", WRONG_TYPE),
    ("HEXPIREAT s 1 FIELDS x a", WRONG_TYPE),
    ("HEXPIREAT s -1 FIELDS 2 a", WRONG_TYPE),
    ("HPEXPIREAT s 1 FIELDS 1 a", WRONG_TYPE),
    ("HPEXPIREAT s x FIELDS 1 a", WRONG_TYPE),
    ("HPEXPIREAT s 1 NONSENSE 1 a", WRONG_TYPE),
    ("HPEXPIREAT s 1 FIELDS x a", WRONG_TYPE),
    ("HPEXPIREAT s -1 FIELDS 2 a", WRONG_TYPE),
    ("HTTL s FIELDS 1 a", WRONG_TYPE),
    ("HTTL s FIELDS x a", WRONG_TYPE),
    ("HTTL s NONSENSE 1 a", WRONG_TYPE),
    ("HTTL s FIELDS 2 a", WRONG_TYPE),
    ("HPTTL s FIELDS 1 a", WRONG_TYPE),
    ("HPTTL s FIELDS x a", WRONG_TYPE),
    ("HPTTL s NONSENSE 1 a", WRONG_TYPE),
    ("HPTTL s FIELDS 2 a", WRONG_TYPE),
    ("HEXPIRETIME s FIELDS 1 a", WRONG_TYPE),
    ("HEXPIRETIME s FIELDS x a", WRONG_TYPE),
    ("HEXPIRETIME s NONSENSE 1 a", WRONG_TYPE),
    ("HEXPIRETIME s FIELDS 2 a", WRONG_TYPE),
    ("HPEXPIRETIME s FIELDS 1 a", WRONG_TYPE),
    ("HPEXPIRETIME s FIELDS x a", WRONG_TYPE),
    ("HPEXPIRETIME s NONSENSE 1 a", WRONG_TYPE),
    ("HPEXPIRETIME s FIELDS 2 a", WRONG_TYPE),
    ("HPERSIST s FIELDS 1 a", WRONG_TYPE),
    ("HPERSIST s FIELDS x a", WRONG_TYPE),
    ("HPERSIST s NONSENSE 1 a", WRONG_TYPE),
    ("HPERSIST s FIELDS 2 a", WRONG_TYPE),
    ("HGETDEL s FIELDS 1 a", WRONG_TYPE),
    ("HGETDEL s FIELDS x a", WRONG_TYPE),
    ("HGETDEL s NONSENSE 1 a", WRONG_TYPE),
    ("HGETDEL s FIELDS 2 a", WRONG_TYPE),
    ("HGETEX s FIELDS 1 a", WRONG_TYPE),
    ("HGETEX s FIELDS x a", WRONG_TYPE),
    ("HGETEX s NONSENSE 1 a", WRONG_TYPE),
    ("HGETEX s FIELDS 2 a", WRONG_TYPE),
    ("HGETEX s EX x FIELDS 1 a", WRONG_TYPE),
    ("HGETEX s EX 10 PX 10 FIELDS 1 a", WRONG_TYPE),
    ("HSETEX s FIELDS 1 a 1", WRONG_TYPE),
    ("HSETEX s FIELDS x a 1", COUNT_INVALID),
    (
        "HSETEX s NONSENSE 1 a 1",
        "-ERR unknown argument: NONSENSE\r\n",
    ),
    ("HSETEX s EX x FIELDS 1 a 1", NOT_AN_INTEGER),
    ("HSETEX s EX 0 FIELDS 1 a 1", WRONG_TYPE),
    ("HSETEX s FIELDS 2 a 1", ARITY_HSETEX),
    ("HSETEX s FXX FNX FIELDS 1 a 1", ONE_CONDITION),
    ("HSETEX s FNX FIELDS 1 a 1", WRONG_TYPE),
    ("HSETEX s FXX FIELDS 1 a 1", WRONG_TYPE),
    ("GET s", "$1\r\nv\r\n"),
];

#[test]
fn strings_have_no_fields() {
    wire::check(STRINGS_HAVE_NO_FIELDS);
}

const HGETEX_READS_AND_SETS_EXPIRIES: &[(&str, &str)] = &[
    ("HSET h a 1 b 2 c \"\" d 4", ":4\r\n"),
    (
        "HGETEX h FIELDS 3 a nope c",
        "*3\r\n$1\r\n1\r\n$-1\r\n$0\r\n\r\n",
    ),
    ("HTTL h FIELDS 1 a", "*1\r\n:-1\r\n"),
    (
        "HGETEX h EXAT 9999999999 FIELDS 3 a nope c",
        "*3\r\n$1\r\n1\r\n$-1\r\n$0\r\n\r\n",
    ),
    (
        "HEXPIRETIME h FIELDS 4 a b c nope",
        "*4\r\n:9999999999\r\n:-1\r\n:9999999999\r\n:-2\r\n",
    ),
    ("HGETEX h FIELDS 1 a", "*1\r\n$1\r\n1\r\n"),
    ("HEXPIRETIME h FIELDS 1 a", "*1\r\n:9999999999\r\n"),
    (
        "HGETEX h pxat 9999999999001 fields 1 a",
        "*1\r\n$1\r\n1\r\n",
    ),
    ("HPEXPIRETIME h FIELDS 1 a", "*1\r\n:9999999999001\r\n"),
    ("HGETEX h EX 100 FIELDS 1 a", "*1\r\n$1\r\n1\r\n"),
    ("HTTL h FIELDS 1 a", "*1\r\n:100\r\n"),
    ("HGETEX h PX 100000 FIELDS 1 a", "*1\r\n$1\r\n1\r\n"),
    ("HPTTL h FIELDS 1 a", "*1\r\n:100000\r\n"),
    (
        "HGETEX h persist FIELDS 2 a b",
        "*2\r\n$1\r\n1\r\n$1\r\n2\r\n",
    ),
    ("HTTL h FIELDS 2 a b", "*2\r\n:-1\r\n:-1\r\n"),
    (
        "HGETEX h EXAT 1 FIELDS 2 a nope",
        "*2\r\n$1\r\n1\r\n$-1\r\n",
    ),
    (
        "HMGET h a b c d",
        "*4\r\n$-1\r\n$1\r\n2\r\n$0\r\n\r\n$1\r\n4\r\n",
    ),
    ("HGETEX h PXAT 0 FIELDS 1 b", "*1\r\n$1\r\n2\r\n"),
    ("HGETEX h EX 0 FIELDS 1 b", "*1\r\n$-1\r\n"),
    ("HGETEX h EX -1 FIELDS 1 c", NEGATIVE_TIME),
    ("HGETEX h EX x FIELDS 1 c", NOT_AN_INTEGER),
    ("HGETEX h EX \"\" FIELDS 1 c", NOT_AN_INTEGER),
    (
        "HGETEX h EX 9223372036854775807 FIELDS 1 c",
        BAD_TIME_HGETEX,
    ),
    ("HGETEX h EX 9223372036854775 FIELDS 1 c", BAD_TIME_HGETEX),
    ("HGETEX h EX 70368744177 FIELDS 1 c", BAD_TIME_HGETEX),
    (
        "HGETEX h PX 9223372036854775807 FIELDS 1 c",
        BAD_TIME_HGETEX,
    ),
    ("HGETEX h PX 70368744177663 FIELDS 1 c", BAD_TIME_HGETEX),
    (
        "HGETEX h EXAT 9223372036854775807 FIELDS 1 c",
        BAD_TIME_HGETEX,
    ),
    ("HGETEX h EXAT 70368744178 FIELDS 1 c", BAD_TIME_HGETEX),
    (
        "HGETEX h PXAT 9223372036854775808 FIELDS 1 c",
        NOT_AN_INTEGER,
    ),
    ("HGETEX h PXAT 70368744177664 FIELDS 1 c", BAD_TIME_HGETEX),
    (
        "HGETEX h PXAT 70368744177663 FIELDS 1 c",
        "*1\r\n$0\r\n\r\n",
    ),
    ("HPEXPIRETIME h FIELDS 1 c", "*1\r\n:70368744177663\r\n"),
    ("HGETEX h EX 10 PX 10 FIELDS 1 c", NO_FIELDS),
    ("HGETEX h EX 10 PERSIST FIELDS 1 c", NO_FIELDS),
    ("HGETEX h PERSIST EX 10 FIELDS 1 c", NO_FIELDS),
    ("HGETEX h PERSIST PERSIST FIELDS 1 c", NO_FIELDS),
    ("HGETEX h KEEPTTL FIELDS 1 c", NO_FIELDS),
    ("HGETEX h NX FIELDS 1 c", NO_FIELDS),
    ("HGETEX h EX FIELDS 1 c", NOT_AN_INTEGER),
    ("HGETEX h EX 10 1 c", NO_FIELDS),
    ("HGETEX h EX 10 FIELDS 1", COUNT_DIFFERS),
    ("HGETEX h EX 10 FIELDS", ARITY_HGETEX),
    ("HGETEX h EX 10 c", ARITY_HGETEX),
    ("HGETEX h EX x c", NOT_AN_INTEGER),
    ("HGETEX h EX -1 FIELDS", NEGATIVE_TIME),
    ("HGETEX h PERSIST x c", NO_FIELDS),
    ("HGETEX h EX 10 FIELDS x", COUNT_NOT_POSITIVE),
    ("HGETEX nope EX 10 c", ARITY_HGETEX),
    ("HGETEX h PERSIST FIELDS 1", COUNT_DIFFERS),
    ("HGETEX h PERSIST FIELDS x c", COUNT_NOT_POSITIVE),
    ("HGETEX h EX x FIELDS x c", NOT_AN_INTEGER),
    ("HGETEX h EX 10 FIELDS 0 c", COUNT_NOT_POSITIVE),
    ("HGETEX h EX 10 FIELDS 2 c", COUNT_DIFFERS),
    ("HGETEX h EX 10 FIELDS 1 c d", COUNT_DIFFERS),
    ("HGETEX h FIELDS 1 c EX 10", COUNT_DIFFERS),
    ("HGETEX h FIELDS 1 c PERSIST", COUNT_DIFFERS),
    ("HGETEX nope FIELDS 2 a b", "*2\r\n$-1\r\n$-1\r\n"),
    ("HGETEX nope EX 100 FIELDS 1 a", "*1\r\n$-1\r\n"),
    ("HGETEX nope PERSIST FIELDS 1 a", "*1\r\n$-1\r\n"),
    ("HGETEX nope EX x FIELDS 1 a", NOT_AN_INTEGER),
    ("HGETEX nope EX 0 FIELDS 1 a", "*1\r\n$-1\r\n"),
    ("HGETEX nope EX 10 FIELDS 0 a", COUNT_NOT_POSITIVE),
    ("HGETEX nope EX 10 PX 10 FIELDS 1 a", NO_FIELDS),
    ("EXISTS nope", ":0\r\n"),
    ("HKEYS h", "*2\r\n$1\r\nc\r\n$1\r\nd\r\n"),
    (
        "HGETEX h EXAT 1 FIELDS 2 c d",
        "*2\r\n$0\r\n\r\n$1\r\n4\r\n",
    ),
    ("EXISTS h", ":0\r\n"),
    ("HSET h a 1", ":1\r\n"),
    ("HGETEX h PX 0 FIELDS 1 a", "*1\r\n$1\r\n1\r\n"),
    ("HEXISTS h a", ":0\r\n"),
];

#[test]
fn hgetex_reads_and_sets_expiries() {
    wire::check(HGETEX_READS_AND_SETS_EXPIRIES);
}

#[test]
fn hgetdel_reads_and_deletes() {
    wire::check(&[
        ("HSET h a 1 b 2 c \"\" d 4", ":4\r\n"),
        (
            "HGETDEL h FIELDS 3 a nope c",
            "*3\r\n$1\r\n1\r\n$-1\r\n$0\r\n\r\n",
        ),
        (
            "HGETALL h",
            "*4\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nd\r\n$1\r\n4\r\n",
        ),
        ("HGETDEL h FIELDS 1 a", "*1\r\n$-1\r\n"),
        ("HEXPIREAT h 9999999999 FIELDS 1 b", "*1\r\n:1\r\n"),
        ("HGETDEL h fields 1 b", "*1\r\n$1\r\n2\r\n"),
        ("HSET h b 3", ":1\r\n"),
        ("HTTL h FIELDS 1 b", "*1\r\n:-1\r\n"),
        ("EXPIREAT h 99999999999", ":1\r\n"),
        ("HGETDEL h FIELDS 2 d d", "*2\r\n$1\r\n4\r\n$-1\r\n"),
        ("HGETDEL h FIELDS 1 b", "*1\r\n$1\r\n3\r\n"),
        ("EXISTS h", ":0\r\n"),
        ("HSET h b 3", ":1\r\n"),
        ("TTL h", ":-1\r\n"),
        ("HGETDEL nope FIELDS 2 a b", "*2\r\n$-1\r\n$-1\r\n"),
        ("HGETDEL nope FIELDS 1 a", "*1\r\n$-1\r\n"),
        ("EXISTS nope", ":0\r\n"),
        ("HGETDEL h EX 10 FIELDS 1 b", NO_FIELDS),
        ("HGETDEL h FIELDS 1 b FIELDS 1 b", COUNT_DIFFERS),
    ]);
}

const HSETEX_SETS_ON_CONDITION: &[(&str, &str)] = &[
    ("HSETEX h FIELDS 2 a 1 b 2", ":1\r\n"),
    (
        "HGETALL h",
        "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
    ),
    ("HSETEX h FNX FIELDS 2 b 9 c 9", ":0\r\n"),
    ("HSETEX h FNX FIELDS 1 c 3", ":1\r\n"),
    ("HSETEX h FXX FIELDS 2 c 9 d 9", ":0\r\n"),
    ("HSETEX h FXX FIELDS 2 a 4 c 5", ":1\r\n"),
    (
        "HGETALL h",
        "*6\r\n$1\r\na\r\n$1\r\n4\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n5\r\n",
    ),
    ("HSETEX nope FXX FIELDS 1 a 1", ":0\r\n"),
    ("EXISTS nope", ":0\r\n"),
    ("HSETEX fresh FNX FIELDS 1 a 1", ":1\r\n"),
    ("HGETALL fresh", "*2\r\n$1\r\na\r\n$1\r\n1\r\n"),
    ("HSETEX fresh fnx fields 1 a 1", ":0\r\n"),
    ("HSETEX h EXAT 9999999999 FIELDS 2 a 6 e \"\"", ":1\r\n"),
    (
        "HEXPIRETIME h FIELDS 3 a b e",
        "*3\r\n:9999999999\r\n:-1\r\n:9999999999\r\n",
    ),
    (
        "HMGET h a b c e",
        "*4\r\n$1\r\n6\r\n$1\r\n2\r\n$1\r\n5\r\n$0\r\n\r\n",
    ),
    ("HSETEX h KEEPTTL FIELDS 2 a 7 b 8", ":1\r\n"),
    ("HEXPIRETIME h FIELDS 2 a b", "*2\r\n:9999999999\r\n:-1\r\n"),
    ("HSETEX h FXX KEEPTTL FIELDS 1 a 7", ":1\r\n"),
    ("HSETEX h KEEPTTL FNX FIELDS 1 a 8", ":0\r\n"),
    ("HEXPIRETIME h FIELDS 1 a", "*1\r\n:9999999999\r\n"),
    ("HSETEX h FIELDS 1 a 9", ":1\r\n"),
    ("HTTL h FIELDS 1 a", "*1\r\n:-1\r\n"),
    ("HGET h a", "$1\r\n9\r\n"),
    ("HSETEX h PXAT 9999999999001 FXX FIELDS 1 a 1", ":1\r\n"),
    ("HPEXPIRETIME h FIELDS 1 a", "*1\r\n:9999999999001\r\n"),
    ("HSETEX h EX 100 FIELDS 1 a 1", ":1\r\n"),
    ("HTTL h FIELDS 1 a", "*1\r\n:100\r\n"),
    ("HSETEX h PX 100000 FIELDS 1 a 1", ":1\r\n"),
    ("HPTTL h FIELDS 1 a", "*1\r\n:100000\r\n"),
    ("HSETEX h EXAT 1 FIELDS 2 a 1 nope 2", ":1\r\n"),
    (
        "HMGET h a b c e nope",
        "*5\r\n$-1\r\n$1\r\n8\r\n$1\r\n5\r\n$0\r\n\r\n$-1\r\n",
    ),
    ("HSETEX h PXAT 0 FIELDS 1 b 2", ":1\r\n"),
    ("HMGET h b c e", "*3\r\n$-1\r\n$1\r\n5\r\n$0\r\n\r\n"),
    ("HSETEX one EXAT 1 FIELDS 1 a 1", ":1\r\n"),
    ("EXISTS one", ":0\r\n"),
    ("HSETEX one EX 0 FIELDS 1 a 1", ":1\r\n"),
    ("EXISTS one", ":0\r\n"),
    ("HSETEX h FNX EXAT 1 FIELDS 1 c 9", ":0\r\n"),
    ("HSETEX h FXX EXAT 1 FIELDS 1 c 9", ":1\r\n"),
    ("HSETEX h FXX EXAT 1 FIELDS 1 e 9", ":1\r\n"),
    ("EXISTS h", ":0\r\n"),
    ("EXPIREAT fresh 99999999999", ":1\r\n"),
    ("HSETEX fresh EXAT 9999999999 FIELDS 1 f 1", ":1\r\n"),
    ("EXPIRETIME fresh", ":99999999999\r\n"),
    ("HSETEX fresh EXAT 1 FIELDS 2 a 1 f 2", ":1\r\n"),
    ("EXISTS fresh", ":0\r\n"),
];

#[test]
fn hsetex_sets_on_condition() {
    wire::check(HSETEX_SETS_ON_CONDITION);
}

const HSETEX_CHECKS_ITS_ARGUMENTS: &[(&str, &str)] = &[
    ("HSET h a 1", ":1\r\n"),
    ("HSETEX", ARITY_HSETEX),
    ("HSETEX h FIELDS 1 a", ARITY_HSETEX),
    ("HSETEX h FIELDS 1 a 1 b", ARITY_HSETEX),
    ("HSETEX h FIELDS 1 a 1 b 2", ARITY_HSETEX),
    ("HSETEX h FIELDS 2 a 1", ARITY_HSETEX),
    ("HSETEX h FIELDS 2 a 1 b", ARITY_HSETEX),
    ("HSETEX h FIELDS 0 a 1", COUNT_INVALID),
    ("HSETEX h FIELDS -1 a 1", COUNT_INVALID),
    ("HSETEX h FIELDS x a 1", COUNT_INVALID),
    ("HSETEX h FIELDS \"\" a 1", COUNT_INVALID),
    ("HSETEX h FIELDS 01 a 1", COUNT_INVALID),
    ("HSETEX h FIELDS 2147483647 a 1", ARITY_HSETEX),
    ("HSETEX h FIELDS 2147483648 a 1", COUNT_INVALID),
    ("HSETEX h FIELDS 9223372036854775807 a 1", COUNT_INVALID),
    ("HSETEX h FIELDS 9223372036854775808 a 1", COUNT_INVALID),
    ("HSETEX h FIELDS 4611686018427387905 a 1", COUNT_INVALID),
    ("HSETEX h FIELD 1 a 1", "-ERR unknown argument: FIELD\r\n"),
    ("HSETEX h 1 a 1 b", "-ERR unknown argument: 1\r\n"),
    ("HSETEX h NX FIELDS 1 a 1", "-ERR unknown argument: NX\r\n"),
    (
        "HSETEX h PERSIST FIELDS 1 a 1",
        "-ERR unknown argument: PERSIST\r\n",
    ),
    ("HSETEX h FNX FXX FIELDS 1 a 1", ONE_CONDITION),
    ("HSETEX h FXX FNX FIELDS 1 a 1", ONE_CONDITION),
    ("HSETEX h FXX FXX FIELDS 1 a 1", ONE_CONDITION),
    ("HSETEX h FNX FNX FIELDS 1 a 1", ONE_CONDITION),
    ("HSETEX h EX 10 PX 10 FIELDS 1 a 1", ONE_EXPIRY),
    ("HSETEX h EX 10 EX 10 FIELDS 1 a 1", ONE_EXPIRY),
    ("HSETEX h EX 10 KEEPTTL FIELDS 1 a 1", ONE_EXPIRY),
    ("HSETEX h KEEPTTL EXAT 10 FIELDS 1 a 1", ONE_EXPIRY),
    ("HSETEX h KEEPTTL KEEPTTL FIELDS 1 a 1", ONE_EXPIRY),
    ("HSETEX h EX 10 PX x FIELDS 1 a 1", ONE_EXPIRY),
    ("HSETEX h EX x FIELDS 1 a 1", NOT_AN_INTEGER),
    ("HSETEX h EX \"\" FIELDS 1 a 1", NOT_AN_INTEGER),
    ("HSETEX h EX -1 FIELDS 1 a 1", NEGATIVE_TIME),
    ("HSETEX h EX 1.5 FIELDS 1 a 1", NOT_AN_INTEGER),
    ("HSETEX h EX FIELDS 1 a 1", NOT_AN_INTEGER),
    (
        "HSETEX h EX 9223372036854775807 FIELDS 1 a 1",
        BAD_TIME_HSETEX,
    ),
    ("HSETEX h EX 9223372036854775 FIELDS 1 a 1", BAD_TIME_HSETEX),
    ("HSETEX h EX 70368744177 FIELDS 1 a 1", BAD_TIME_HSETEX),
    (
        "HSETEX h PX 9223372036854775807 FIELDS 1 a 1",
        BAD_TIME_HSETEX,
    ),
    ("HSETEX h PX 70368744177663 FIELDS 1 a 1", BAD_TIME_HSETEX),
    (
        "HSETEX h EXAT 9223372036854775807 FIELDS 1 a 1",
        BAD_TIME_HSETEX,
    ),
    ("HSETEX h EXAT 70368744178 FIELDS 1 a 1", BAD_TIME_HSETEX),
    ("HSETEX h PXAT 70368744177664 FIELDS 1 a 1", BAD_TIME_HSETEX),
    (
        "HSETEX h PXAT 9223372036854775808 FIELDS 1 a 1",
        NOT_AN_INTEGER,
    ),
    ("HSETEX h EX x FIELDS x a 1", NOT_AN_INTEGER),
    ("HSETEX h EX x NONSENSE FIELDS x a 1", NOT_AN_INTEGER),
    (
        "HSETEX h NONSENSE EX x FIELDS x a 1",
        "-ERR unknown argument: NONSENSE\r\n",
    ),
    ("HSETEX h FNX FXX EX x FIELDS x a 1", ONE_CONDITION),
    ("HSETEX h FIELDS x a 1 NONSENSE", COUNT_INVALID),
    ("HSETEX h FNX FNX FNX FNX", ONE_CONDITION),
    ("HSETEX h EX 10 FNX EX", ONE_EXPIRY),
    ("HSETEX h FNX FNX EX 10", ONE_CONDITION),
    ("HSETEX h FNX EX 10 FIELDS", ARITY_HSETEX),
    ("HSETEX h FNX EX x FIELDS", NOT_AN_INTEGER),
    ("HSETEX h EX 10 FIELDS x", ARITY_HSETEX),
    ("HSETEX h FNX FIELDS x y", ARITY_HSETEX),
    ("HSETEX h FNX FIELDS x y z", COUNT_INVALID),
    ("HSETEX h FIELDS 0 a 1 b", COUNT_INVALID),
    ("HSETEX h FNX FNX EX FIELDS", ONE_CONDITION),
    ("HSETEX h FNX EX 10 EX", ONE_EXPIRY),
    ("HSETEX h EX 10 FNX FIELDS 1", ARITY_HSETEX),
    ("HSETEX h EX 10 FIELDS 1 a", ARITY_HSETEX),
    ("HSETEX h FNX FIELDS 1 a", ARITY_HSETEX),
    ("HSETEX h FIELDS 1 a 1 EX 10", ARITY_HSETEX),
    ("HSETEX h FIELDS 1 a 1 FNX", ARITY_HSETEX),
    ("HSETEX h FIELDS 1 a 1 FIELDS 1 a 1", ARITY_HSETEX),
    ("HSETEX nope EX x FIELDS 1 a 1", NOT_AN_INTEGER),
    ("HSETEX nope FXX FIELDS 2 a 1", ARITY_HSETEX),
    ("HSETEX \"\" FIELDS 1 \"\" \"\"", ":1\r\n"),
    ("HGETALL \"\"", "*2\r\n$0\r\n\r\n$0\r\n\r\n"),
    ("HGETALL h", "*2\r\n$1\r\na\r\n$1\r\n1\r\n"),
    ("HTTL h FIELDS 1 a", "*1\r\n:-1\r\n"),
    ("HSETEX h PXAT 70368744177663 FIELDS 1 a 1", ":1\r\n"),
    ("HPEXPIRETIME h FIELDS 1 a", "*1\r\n:70368744177663\r\n"),
];

#[test]
fn hsetex_checks_its_arguments() {
    wire::check(HSETEX_CHECKS_ITS_ARGUMENTS);
}

const WHICH_COMMANDS_KEEP_THE_EXPIRY_OF_A_FIELD: &[(&str, &str)] = &[
    (
        "HSETEX h EXAT 9999999999 FIELDS 5 a 1 b 2 c 3 d 4 e 5",
        ":1\r\n",
    ),
    ("HSET h a 10", ":0\r\n"),
    ("HTTL h FIELDS 1 a", "*1\r\n:-1\r\n"),
    ("HMSET h b 20", "+OK\r\n"),
    ("HTTL h FIELDS 1 b", "*1\r\n:-1\r\n"),
    ("HINCRBY h c 1", ":4\r\n"),
    ("HEXPIRETIME h FIELDS 1 c", "*1\r\n:9999999999\r\n"),
    ("HINCRBYFLOAT h d 1.5", "$3\r\n5.5\r\n"),
    ("HEXPIRETIME h FIELDS 1 d", "*1\r\n:9999999999\r\n"),
    ("HINCRBY h d 1", "-ERR hash value is not an integer\r\n"),
    ("HSETNX h e 6", ":0\r\n"),
    ("HEXPIRETIME h FIELDS 1 e", "*1\r\n:9999999999\r\n"),
    ("HDEL h e", ":1\r\n"),
    ("HSETNX h e 6", ":1\r\n"),
    ("HTTL h FIELDS 1 e", "*1\r\n:-1\r\n"),
    (
        "HMGET h a b c d e",
        "*5\r\n$2\r\n10\r\n$2\r\n20\r\n$1\r\n4\r\n$3\r\n5.5\r\n$1\r\n6\r\n",
    ),
    ("HLEN h", ":5\r\n"),
    ("HSETEX one EXAT 9999999999 FIELDS 1 f v", ":1\r\n"),
    ("HGETALL one", "*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
    (
        "HSCAN one 0",
        "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
    ),
    ("HKEYS one", "*1\r\n$1\r\nf\r\n"),
    ("HVALS one", "*1\r\n$1\r\nv\r\n"),
    (
        "HRANDFIELD one 2 WITHVALUES",
        "*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
    ),
    ("HEXPIREAT h 9999999999 FIELDS 1 a", "*1\r\n:1\r\n"),
    ("HDEL h a", ":1\r\n"),
    ("HSET h a 1", ":1\r\n"),
    ("HTTL h FIELDS 1 a", "*1\r\n:-1\r\n"),
    ("HINCRBY h new 1", ":1\r\n"),
    ("HTTL h FIELDS 1 new", "*1\r\n:-1\r\n"),
    ("HEXPIREAT h 9999999999 FIELDS 1 new", "*1\r\n:1\r\n"),
    ("RENAME h r", "+OK\r\n"),
    (
        "HEXPIRETIME r FIELDS 2 new c",
        "*2\r\n:9999999999\r\n:9999999999\r\n",
    ),
    ("COPY r k", ":1\r\n"),
    (
        "HEXPIRETIME k FIELDS 2 new c",
        "*2\r\n:9999999999\r\n:9999999999\r\n",
    ),
    ("TTL k", ":-1\r\n"),
    ("PERSIST k", ":0\r\n"),
    ("HEXPIRETIME k FIELDS 1 c", "*1\r\n:9999999999\r\n"),
    ("EXPIREAT k 99999999999", ":1\r\n"),
    ("HEXPIRETIME k FIELDS 1 c", "*1\r\n:9999999999\r\n"),
    ("DEL k", ":1\r\n"),
    ("HSET k c 1", ":1\r\n"),
    ("HTTL k FIELDS 1 c", "*1\r\n:-1\r\n"),
];

#[test]
fn which_commands_keep_the_expiry_of_a_field() {
    wire::check(WHICH_COMMANDS_KEEP_THE_EXPIRY_OF_A_FIELD);
}

#[test]
fn shapes_of_resp3() {
    let mut client = wire::Client::new();
    client.talk(b"HELLO 3\r\n");
    for (request, reply) in [
        ("HSET h f v", ":1\r\n"),
        ("HGETEX h FIELDS 2 f nope", "*2\r\n$1\r\nv\r\n_\r\n"),
        ("HGETEX nope FIELDS 1 f", "*1\r\n_\r\n"),
        ("HGETEX h EXAT 9999999999 FIELDS 1 f", "*1\r\n$1\r\nv\r\n"),
        (
            "HEXPIRETIME h FIELDS 2 f nope",
            "*2\r\n:9999999999\r\n:-2\r\n",
        ),
        ("HTTL nope FIELDS 1 f", "*1\r\n:-2\r\n"),
        ("HPERSIST h FIELDS 1 f", "*1\r\n:1\r\n"),
        ("HEXPIREAT h 9999999999 FIELDS 1 f", "*1\r\n:1\r\n"),
        ("HSETEX h FXX KEEPTTL FIELDS 1 f w", ":1\r\n"),
        ("HGETALL h", "%1\r\n$1\r\nf\r\n$1\r\nw\r\n"),
        ("HGETDEL h FIELDS 2 nope f", "*2\r\n_\r\n$1\r\nw\r\n"),
        ("HGETDEL h FIELDS 1 f", "*1\r\n_\r\n"),
        ("HGETALL h", "%0\r\n"),
    ] {
        let answer = client.talk(format!("{request}\r\n").as_bytes());
        assert_eq!(String::from_utf8_lossy(&answer), reply, "{request}");
    }
}

type BinaryRow = (&'static [&'static [u8]], &'static [u8]);

const BINARY: &[BinaryRow] = &[
    (
        &[
            b"HSETEX",
            b"h",
            b"EXAT",
            b"9999999999",
            b"FIELDS",
            b"2",
            b"\x00",
            b"\xff\x00",
            b"",
            b"\r\n",
        ],
        b":1\r\n",
    ),
    (
        &[
            b"HEXPIRETIME",
            b"h",
            b"FIELDS",
            b"3",
            b"\x00",
            b"",
            b"\x00\x00",
        ],
        b"*3\r\n:9999999999\r\n:9999999999\r\n:-2\r\n",
    ),
    (
        &[b"HGETEX", b"h", b"PERSIST", b"FIELDS", b"2", b"\x00", b""],
        b"*2\r\n$2\r\n\xff\x00\r\n$2\r\n\r\n\r\n",
    ),
    (
        &[b"HTTL", b"h", b"FIELDS", b"2", b"\x00", b""],
        b"*2\r\n:-1\r\n:-1\r\n",
    ),
    (
        &[
            b"HEXPIREAT",
            b"h",
            b"9999999999",
            b"LT",
            b"FIELDS",
            b"1",
            b"",
        ],
        b"*1\r\n:1\r\n",
    ),
    (&[b"HPERSIST", b"h", b"FIELDS", b"1", b""], b"*1\r\n:1\r\n"),
    (
        &[b"HEXPIREAT", b"h", b"99\x00", b"FIELDS", b"1", b""],
        b"-ERR value is not an integer or out of range\r\n",
    ),
    (
        &[b"HTTL", b"h", b"FIELDS", b"1\x00", b""],
        b"-ERR Number of fields must be a positive integer\r\n",
    ),
    (
        &[b"HSETEX", b"h", b"FN\x00X", b"FIELDS", b"1", b"a", b"b"],
        b"-ERR unknown argument: FN\r\n",
    ),
    (
        &[b"HSETEX", b"h", b"\x00", b"FIELDS", b"1", b"a", b"b"],
        b"-ERR unknown argument: \r\n",
    ),
    (
        &[
            b"HSETEX",
            b"h",
            b"far too long far too long far too long far too long far too long far too long \
            far too long far too long far too long far too long far too long far too long \
            far too long far too long far too long far too long ",
            b"FIELDS",
            b"1",
            b"a",
            b"b",
        ],
        b"-ERR unknown argument: far too long far too long far too long far too long \
            far too long far too long far too long far too long far too long far too long \
            far too long far too long far too long far too long far too long far too long \
            \r\n",
    ),
    (
        &[b"HSETEX", b"h", b"a\r\nb", b"FIELDS", b"1", b"a", b"b"],
        b"-ERR unknown argument: a  b\r\n",
    ),
    (
        &[b"HSETEX", b"h", b"\xc3\xa9", b"FIELDS", b"1", b"a", b"b"],
        b"-ERR unknown argument: \xc3\xa9\r\n",
    ),
    (
        &[b"HGETDEL", b"h", b"FIELDS", b"2", b"\x00", b""],
        b"*2\r\n$2\r\n\xff\x00\r\n$2\r\n\r\n\r\n",
    ),
    (&[b"EXISTS", b"h"], b":0\r\n"),
];

#[test]
fn names_and_values_are_any_bytes() {
    let mut client = wire::Client::new();
    for (request, reply) in BINARY {
        let answer = client.call(request);
        assert_eq!(
            answer.escape_ascii().to_string(),
            reply.escape_ascii().to_string()
        );
    }
}
