//! Hashes, byte for byte: requests through the session, replies of Redis 8.2.3.

mod wire;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range\r\n";
const NOT_A_FLOAT: &str = "-ERR value is not a valid float\r\n";
const STORED_NOT_A_FLOAT: &str = "-ERR hash value is not a float\r\n";
const STORED_NOT_AN_INTEGER: &str = "-ERR hash value is not an integer\r\n";
const OVERFLOW: &str = "-ERR increment or decrement would overflow\r\n";
const NOT_FINITE: &str = "-ERR value is NaN or Infinity\r\n";
const OUT_OF_RANGE: &str = "-ERR value is out of range\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";
const BAD_CURSOR: &str = "-ERR invalid cursor\r\n";

const HSET_COUNTS_NEW_FIELDS: &[(&str, &str)] = &[
    ("HSET h a 1", ":1\r\n"),
    ("HSET h a 2 b 3 c 4", ":2\r\n"),
    ("HSET h a 2", ":0\r\n"),
    (
        "HGETALL h",
        "*6\r\n$1\r\na\r\n$1\r\n2\r\n$1\r\nb\r\n$1\r\n3\r\n$1\r\nc\r\n$1\r\n4\r\n",
    ),
    ("HSET h d 1 d 2", ":1\r\n"),
    ("HGET h d", "$1\r\n2\r\n"),
    ("HSET h d 3 d 4 e 5", ":1\r\n"),
    ("HGET h d", "$1\r\n4\r\n"),
    ("HLEN h", ":5\r\n"),
    (
        "HSET h a",
        "-ERR wrong number of arguments for 'hset' command\r\n",
    ),
    (
        "HSET h",
        "-ERR wrong number of arguments for 'hset' command\r\n",
    ),
    (
        "HSET",
        "-ERR wrong number of arguments for 'hset' command\r\n",
    ),
    (
        "HSET h a 1 b",
        "-ERR wrong number of arguments for 'hset' command\r\n",
    ),
    (
        "HSET nope a 1 b",
        "-ERR wrong number of arguments for 'hset' command\r\n",
    ),
    ("EXISTS nope", ":0\r\n"),
    ("HMSET h a 1 f 2", "+OK\r\n"),
    (
        "HMSET h a 1 b",
        "-ERR wrong number of arguments for 'hmset' command\r\n",
    ),
    (
        "HMSET h a",
        "-ERR wrong number of arguments for 'hmset' command\r\n",
    ),
    ("HMSET m x 1 x 2", "+OK\r\n"),
    ("HGETALL m", "*2\r\n$1\r\nx\r\n$1\r\n2\r\n"),
    ("HSETNX h a 9", ":0\r\n"),
    ("HSETNX h new 9", ":1\r\n"),
    ("HGET h a", "$1\r\n1\r\n"),
    ("HGET h new", "$1\r\n9\r\n"),
    ("HSETNX fresh f v", ":1\r\n"),
    ("HGETALL fresh", "*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
    (
        "HSETNX h a",
        "-ERR wrong number of arguments for 'hsetnx' command\r\n",
    ),
    (
        "HSETNX h a 1 2",
        "-ERR wrong number of arguments for 'hsetnx' command\r\n",
    ),
    (
        "HSET s\\ p \"a b\" \"c d\"",
        "-ERR wrong number of arguments for 'hset' command\r\n",
    ),
    ("HGETALL \"s p\"", "*0\r\n"),
    ("HSET h \"\" \"\"", ":1\r\n"),
    ("HGET h \"\"", "$0\r\n\r\n"),
    ("HEXISTS h \"\"", ":1\r\n"),
    ("HSTRLEN h \"\"", ":0\r\n"),
    ("HDEL h \"\"", ":1\r\n"),
    ("HGET h \"\"", "$-1\r\n"),
    ("HSET e \"\" \"\"", ":1\r\n"),
    ("HGETALL e", "*2\r\n$0\r\n\r\n$0\r\n\r\n"),
    ("HKEYS e", "*1\r\n$0\r\n\r\n"),
    ("HVALS e", "*1\r\n$0\r\n\r\n"),
    ("HDEL e \"\"", ":1\r\n"),
    ("EXISTS e", ":0\r\n"),
    ("HSET \"\" f v", ":1\r\n"),
    ("HGETALL \"\"", "*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
    ("hSeT case F v", ":1\r\n"),
    ("HGET case f", "$-1\r\n"),
    ("HGET case F", "$1\r\nv\r\n"),
];

#[test]
fn hset_counts_new_fields() {
    wire::check(HSET_COUNTS_NEW_FIELDS);
}

const READS_OF_FIELDS_AND_OF_NONE: &[(&str, &str)] = &[
    ("HSET h a 1 b \"\" c three", ":3\r\n"),
    ("HGET h a", "$1\r\n1\r\n"),
    ("HGET h b", "$0\r\n\r\n"),
    ("HGET h nope", "$-1\r\n"),
    ("HGET nope a", "$-1\r\n"),
    (
        "HGET h",
        "-ERR wrong number of arguments for 'hget' command\r\n",
    ),
    (
        "HGET h a b",
        "-ERR wrong number of arguments for 'hget' command\r\n",
    ),
    (
        "HMGET h a nope c a b",
        "*5\r\n$1\r\n1\r\n$-1\r\n$5\r\nthree\r\n$1\r\n1\r\n$0\r\n\r\n",
    ),
    ("HMGET nope a b", "*2\r\n$-1\r\n$-1\r\n"),
    ("HMGET nope a", "*1\r\n$-1\r\n"),
    (
        "HMGET h",
        "-ERR wrong number of arguments for 'hmget' command\r\n",
    ),
    (
        "HGETALL h",
        "*6\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$0\r\n\r\n$1\r\nc\r\n$5\r\nthree\r\n",
    ),
    ("HGETALL nope", "*0\r\n"),
    (
        "HGETALL",
        "-ERR wrong number of arguments for 'hgetall' command\r\n",
    ),
    (
        "HGETALL h h",
        "-ERR wrong number of arguments for 'hgetall' command\r\n",
    ),
    ("HKEYS h", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
    ("HKEYS nope", "*0\r\n"),
    (
        "HKEYS",
        "-ERR wrong number of arguments for 'hkeys' command\r\n",
    ),
    ("HVALS h", "*3\r\n$1\r\n1\r\n$0\r\n\r\n$5\r\nthree\r\n"),
    ("HVALS nope", "*0\r\n"),
    (
        "HVALS h h",
        "-ERR wrong number of arguments for 'hvals' command\r\n",
    ),
    ("HLEN h", ":3\r\n"),
    ("HLEN nope", ":0\r\n"),
    (
        "HLEN",
        "-ERR wrong number of arguments for 'hlen' command\r\n",
    ),
    ("HEXISTS h a", ":1\r\n"),
    ("HEXISTS h nope", ":0\r\n"),
    ("HEXISTS nope a", ":0\r\n"),
    (
        "HEXISTS h",
        "-ERR wrong number of arguments for 'hexists' command\r\n",
    ),
    ("HSTRLEN h a", ":1\r\n"),
    ("HSTRLEN h b", ":0\r\n"),
    ("HSTRLEN h c", ":5\r\n"),
    ("HSTRLEN h nope", ":0\r\n"),
    ("HSTRLEN nope a", ":0\r\n"),
    (
        "HSTRLEN h",
        "-ERR wrong number of arguments for 'hstrlen' command\r\n",
    ),
    (
        "HSET h n -9223372036854775808 m 007 o 1.50 p 9223372036854775808",
        ":4\r\n",
    ),
    ("HSTRLEN h n", ":20\r\n"),
    ("HSTRLEN h m", ":3\r\n"),
    (
        "HMGET h n m o p",
        "*4\r\n$20\r\n-9223372036854775808\r\n$3\r\n007\r\n$4\r\n1.50\r\n$19\r\n\
            9223372036854775808\r\n",
    ),
    ("TYPE h", "+hash\r\n"),
];

#[test]
fn reads_of_fields_and_of_none() {
    wire::check(READS_OF_FIELDS_AND_OF_NONE);
}

#[test]
fn the_last_field_takes_the_hash_along() {
    wire::check(&[
        ("HSET h a 1 b 2 c 3", ":3\r\n"),
        ("HDEL h nope", ":0\r\n"),
        ("HDEL h a a nope b", ":2\r\n"),
        ("HDEL h a", ":0\r\n"),
        ("HGETALL h", "*2\r\n$1\r\nc\r\n$1\r\n3\r\n"),
        ("HDEL h c", ":1\r\n"),
        ("EXISTS h", ":0\r\n"),
        ("TYPE h", "+none\r\n"),
        ("HDEL h c", ":0\r\n"),
        (
            "HDEL h",
            "-ERR wrong number of arguments for 'hdel' command\r\n",
        ),
        (
            "HDEL",
            "-ERR wrong number of arguments for 'hdel' command\r\n",
        ),
        ("HSET h a 1 b 2 c 3 d 4", ":4\r\n"),
        ("HDEL h b", ":1\r\n"),
        ("HKEYS h", "*3\r\n$1\r\na\r\n$1\r\nc\r\n$1\r\nd\r\n"),
        ("HSET h b 5", ":1\r\n"),
        (
            "HKEYS h",
            "*4\r\n$1\r\na\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\nb\r\n",
        ),
        ("HSET h c 33333333333333333333333333333333", ":0\r\n"),
        (
            "HGETALL h",
            "*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nc\r\n$32\r\n\
            33333333333333333333333333333333\r\n$1\r\nd\r\n$1\r\n4\r\n$1\r\nb\r\n$1\r\n\
            5\r\n",
        ),
        ("HDEL h d c b a a", ":4\r\n"),
        ("EXISTS h", ":0\r\n"),
        ("EXPIREAT h 99999999999", ":0\r\n"),
        ("HSET h a 1", ":1\r\n"),
        ("EXPIREAT h 99999999999", ":1\r\n"),
        ("HSET h b 1", ":1\r\n"),
        ("HDEL h a", ":1\r\n"),
        ("EXPIRETIME h", ":99999999999\r\n"),
        ("HDEL h b", ":1\r\n"),
        ("HSET h a 1", ":1\r\n"),
        ("EXPIRETIME h", ":-1\r\n"),
    ]);
}

#[test]
fn strings_are_no_hashes() {
    // What is looked at first, the type or the other arguments, differs from command to command.
    wire::check(&[
        ("SET s v", "+OK\r\n"),
        ("HSET s f v", WRONG_TYPE),
        (
            "HSET s f",
            "-ERR wrong number of arguments for 'hset' command\r\n",
        ),
        (
            "HSET s f v g",
            "-ERR wrong number of arguments for 'hset' command\r\n",
        ),
        ("HMSET s f v", WRONG_TYPE),
        (
            "HMSET s f v g",
            "-ERR wrong number of arguments for 'hmset' command\r\n",
        ),
        ("HSETNX s f v", WRONG_TYPE),
        ("HGET s f", WRONG_TYPE),
        ("HMGET s f g", WRONG_TYPE),
        ("HGETALL s", WRONG_TYPE),
        ("HKEYS s", WRONG_TYPE),
        ("HVALS s", WRONG_TYPE),
        ("HLEN s", WRONG_TYPE),
        ("HEXISTS s f", WRONG_TYPE),
        ("HSTRLEN s f", WRONG_TYPE),
        ("HDEL s f", WRONG_TYPE),
        ("HINCRBY s f 1", WRONG_TYPE),
        ("HINCRBY s f x", NOT_AN_INTEGER),
        ("HINCRBYFLOAT s f 1", WRONG_TYPE),
        ("HINCRBYFLOAT s f x", NOT_A_FLOAT),
        ("HINCRBYFLOAT s f inf", NOT_FINITE),
        ("HSCAN s 0", WRONG_TYPE),
        ("HSCAN s x", BAD_CURSOR),
        ("HSCAN s 0 COUNT x", WRONG_TYPE),
        ("HSCAN s 0 NONSENSE", WRONG_TYPE),
        ("HRANDFIELD s", WRONG_TYPE),
        ("HRANDFIELD s 1", WRONG_TYPE),
        ("HRANDFIELD s x", NOT_AN_INTEGER),
        ("HRANDFIELD s 0", WRONG_TYPE),
        ("HRANDFIELD s 1 WITHVALUES", WRONG_TYPE),
        ("HRANDFIELD s 1 NONSENSE", SYNTAX),
        ("HRANDFIELD s 9223372036854775807 WITHVALUES", OUT_OF_RANGE),
        ("GET s", "$1\r\nv\r\n"),
        ("HSET h f v", ":1\r\n"),
        ("GET h", WRONG_TYPE),
        ("APPEND h x", WRONG_TYPE),
        ("INCR h", WRONG_TYPE),
        ("TYPE h", "+hash\r\n"),
    ]);
}

const INCREMENTS_OF_INTEGERS: &[(&str, &str)] = &[
    ("HINCRBY h n 5", ":5\r\n"),
    ("HINCRBY h n -7", ":-2\r\n"),
    ("HINCRBY h n 0", ":-2\r\n"),
    ("HGETALL h", "*2\r\n$1\r\nn\r\n$2\r\n-2\r\n"),
    (
        "HINCRBY h n",
        "-ERR wrong number of arguments for 'hincrby' command\r\n",
    ),
    (
        "HINCRBY h n 1 2",
        "-ERR wrong number of arguments for 'hincrby' command\r\n",
    ),
    ("HINCRBY h n x", NOT_AN_INTEGER),
    ("HINCRBY h n 1.5", NOT_AN_INTEGER),
    ("HINCRBY h n \"\"", NOT_AN_INTEGER),
    ("HINCRBY h n +1", NOT_AN_INTEGER),
    ("HINCRBY h n \" 1\"", NOT_AN_INTEGER),
    ("HINCRBY h n 01", NOT_AN_INTEGER),
    ("HINCRBY h n 9223372036854775808", NOT_AN_INTEGER),
    ("HINCRBY h n -9223372036854775808", OVERFLOW),
    (
        "HINCRBY h m 9223372036854775807",
        ":9223372036854775807\r\n",
    ),
    ("HINCRBY h m 1", OVERFLOW),
    ("HINCRBY h m -1", ":9223372036854775806\r\n"),
    ("HINCRBY h m 2", OVERFLOW),
    ("HGET h m", "$19\r\n9223372036854775806\r\n"),
    (
        "HINCRBY h k -9223372036854775808",
        ":-9223372036854775808\r\n",
    ),
    ("HINCRBY h k -1", OVERFLOW),
    ("HINCRBY h k 9223372036854775807", ":-1\r\n"),
    ("HINCRBY h k 1", ":0\r\n"),
    (
        "HSET h t text e \"\" z 007 p +5 f 1.0 s \" 1\" b 9223372036854775808 neg -0",
        ":8\r\n",
    ),
    ("HINCRBY h t 1", STORED_NOT_AN_INTEGER),
    ("HINCRBY h e 1", STORED_NOT_AN_INTEGER),
    ("HINCRBY h z 1", STORED_NOT_AN_INTEGER),
    ("HINCRBY h p 1", STORED_NOT_AN_INTEGER),
    ("HINCRBY h f 1", STORED_NOT_AN_INTEGER),
    ("HINCRBY h s 1", STORED_NOT_AN_INTEGER),
    ("HINCRBY h b 1", STORED_NOT_AN_INTEGER),
    ("HINCRBY h neg 1", STORED_NOT_AN_INTEGER),
    ("HINCRBY h t x", NOT_AN_INTEGER),
    (
        "HMGET h t e z p f s b neg",
        "*8\r\n$4\r\ntext\r\n$0\r\n\r\n$3\r\n007\r\n$2\r\n+5\r\n$3\r\n1.0\r\n$2\r\n \
            1\r\n$19\r\n9223372036854775808\r\n$2\r\n-0\r\n",
    ),
    ("HINCRBY fresh n x", NOT_AN_INTEGER),
    ("HINCRBY fresh n 0", ":0\r\n"),
    ("HGETALL fresh", "*2\r\n$1\r\nn\r\n$1\r\n0\r\n"),
    ("HINCRBY fresh \"\" 3", ":3\r\n"),
    ("HGET fresh \"\"", "$1\r\n3\r\n"),
    ("HSTRLEN h m", ":19\r\n"),
];

#[test]
fn increments_of_integers() {
    wire::check(INCREMENTS_OF_INTEGERS);
}

const INCREMENTS_OF_DECIMALS: &[(&str, &str)] = &[
    ("HINCRBYFLOAT h f 10.5", "$4\r\n10.5\r\n"),
    ("HINCRBYFLOAT h f 0.1", "$4\r\n10.6\r\n"),
    ("HINCRBYFLOAT h f -10.6", "$1\r\n0\r\n"),
    ("HINCRBYFLOAT h f 0", "$1\r\n0\r\n"),
    ("HSET h f 5.0e3", ":0\r\n"),
    ("HINCRBYFLOAT h f 2.0e2", "$4\r\n5200\r\n"),
    ("HINCRBYFLOAT h tenth 0.1", "$3\r\n0.1\r\n"),
    ("HINCRBYFLOAT h tenth 0.2", "$3\r\n0.3\r\n"),
    ("HINCRBYFLOAT h tenth 0.7", "$1\r\n1\r\n"),
    (
        "HINCRBYFLOAT h third 0.3333333333333333333333",
        "$19\r\n0.33333333333333333\r\n",
    ),
    (
        "HINCRBYFLOAT h third 0.3333333333333333333333",
        "$19\r\n0.66666666666666666\r\n",
    ),
    (
        "HINCRBYFLOAT h third 0.3333333333333333333333",
        "$19\r\n0.99999999999999999\r\n",
    ),
    (
        "HINCRBYFLOAT h small 1e-17",
        "$19\r\n0.00000000000000001\r\n",
    ),
    (
        "HINCRBYFLOAT h small 1e-18",
        "$19\r\n0.00000000000000001\r\n",
    ),
    ("HINCRBYFLOAT h less 4e-18", "$1\r\n0\r\n"),
    ("HINCRBYFLOAT h minus -0.0", "$1\r\n0\r\n"),
    ("HINCRBYFLOAT h minus -1e-30", "$1\r\n0\r\n"),
    (
        "HINCRBYFLOAT h pi 3.14159265358979323846",
        "$19\r\n3.14159265358979324\r\n",
    ),
    (
        "HINCRBYFLOAT h pi 1e10",
        "$29\r\n10000000003.14159265346825123\r\n",
    ),
    ("HINCRBYFLOAT h pi -1e10", "$19\r\n3.14159265346825123\r\n"),
    (
        "HINCRBYFLOAT h big 1e20",
        "$21\r\n100000000000000000000\r\n",
    ),
    ("HINCRBYFLOAT h big 1", "$21\r\n100000000000000000000\r\n"),
    (
        "HINCRBYFLOAT h big 1e30",
        "$31\r\n1000000000100000000035918970880\r\n",
    ),
    (
        "HINCRBYFLOAT h huge 1e60",
        "$60\r\n999999999999999999999373423426722168652130621984886772203520\r\n",
    ),
    ("HSET h huge 12345678901234567890.125", ":0\r\n"),
    (
        "HINCRBYFLOAT h huge 0.25",
        "$20\r\n12345678901234567890\r\n",
    ),
    (
        "HINCRBYFLOAT h huge 9223372036854775807",
        "$20\r\n21569050938089343696\r\n",
    ),
    ("HINCRBYFLOAT h lead .5", "$3\r\n0.5\r\n"),
    ("HINCRBYFLOAT h lead 5.", "$3\r\n5.5\r\n"),
    ("HINCRBYFLOAT h lead +1", "$3\r\n6.5\r\n"),
    ("HINCRBYFLOAT h lead 007", "$4\r\n13.5\r\n"),
    ("HINCRBYFLOAT h lead 1E2", "$5\r\n113.5\r\n"),
    ("HINCRBYFLOAT h money 19.99", "$5\r\n19.99\r\n"),
    ("HINCRBYFLOAT h money 5.01", "$2\r\n25\r\n"),
    ("HINCRBYFLOAT h money 1.1", "$4\r\n26.1\r\n"),
    ("HINCRBYFLOAT h money -0.10", "$2\r\n26\r\n"),
    ("HINCRBYFLOAT h x abc", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x \"\"", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x \" 1\"", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x \"1 \"", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x 1a", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x nan", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x -nan", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x inf", NOT_FINITE),
    ("HINCRBYFLOAT h x -inf", NOT_FINITE),
    ("HINCRBYFLOAT h x infinity", NOT_FINITE),
    ("HINCRBYFLOAT h x INF", NOT_FINITE),
    ("HINCRBYFLOAT h x infi", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x nan(1)", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x 1e5000", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x 1e-5000", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x .", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x -", NOT_A_FLOAT),
    ("HINCRBYFLOAT h x 1e", NOT_A_FLOAT),
    (
        "HINCRBYFLOAT h",
        "-ERR wrong number of arguments for 'hincrbyfloat' command\r\n",
    ),
    (
        "HINCRBYFLOAT h x",
        "-ERR wrong number of arguments for 'hincrbyfloat' command\r\n",
    ),
    (
        "HINCRBYFLOAT h x 1 2",
        "-ERR wrong number of arguments for 'hincrbyfloat' command\r\n",
    ),
    ("HEXISTS h x", ":0\r\n"),
    (
        "HSET h t text e \"\" sp \" 1\" tr \"1 \" inf inf nan nan ninf -inf over 1e5000",
        ":8\r\n",
    ),
    ("HINCRBYFLOAT h t 1", STORED_NOT_A_FLOAT),
    ("HINCRBYFLOAT h e 1", STORED_NOT_A_FLOAT),
    ("HINCRBYFLOAT h sp 1", STORED_NOT_A_FLOAT),
    ("HINCRBYFLOAT h tr 1", STORED_NOT_A_FLOAT),
    (
        "HINCRBYFLOAT h inf 1",
        "-ERR increment would produce NaN or Infinity\r\n",
    ),
    (
        "HINCRBYFLOAT h ninf 1",
        "-ERR increment would produce NaN or Infinity\r\n",
    ),
    ("HINCRBYFLOAT h nan 1", STORED_NOT_A_FLOAT),
    ("HINCRBYFLOAT h over 1", STORED_NOT_A_FLOAT),
    ("HINCRBYFLOAT h t abc", NOT_A_FLOAT),
    ("HINCRBYFLOAT h t inf", NOT_FINITE),
    ("HINCRBYFLOAT fresh f abc", NOT_A_FLOAT),
    ("EXISTS fresh", ":0\r\n"),
    ("HINCRBYFLOAT fresh f 1.50", "$3\r\n1.5\r\n"),
    ("HGETALL fresh", "*2\r\n$1\r\nf\r\n$3\r\n1.5\r\n"),
    ("HSET h n 10", ":1\r\n"),
    ("HINCRBYFLOAT h n 1.5", "$4\r\n11.5\r\n"),
    ("HINCRBY h n 1", STORED_NOT_AN_INTEGER),
    ("HINCRBYFLOAT h n 0.5", "$2\r\n12\r\n"),
    ("HINCRBY h n 1", ":13\r\n"),
    ("HSTRLEN h n", ":2\r\n"),
];

#[test]
fn increments_of_decimals() {
    wire::check(INCREMENTS_OF_DECIMALS);
}

const SCANS_OF_SMALL_HASHES: &[(&str, &str)] = &[
    ("HSET h a 1 b 2 ab 3 \"\" 4", ":4\r\n"),
    (
        "HSCAN h 0",
        "*2\r\n$1\r\n0\r\n*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$2\r\n\
            ab\r\n$1\r\n3\r\n$0\r\n\r\n$1\r\n4\r\n",
    ),
    (
        "HSCAN h 0 COUNT 1",
        "*2\r\n$1\r\n0\r\n*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$2\r\n\
            ab\r\n$1\r\n3\r\n$0\r\n\r\n$1\r\n4\r\n",
    ),
    (
        "HSCAN h 0 COUNT 1000000000000",
        "*2\r\n$1\r\n0\r\n*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$2\r\n\
            ab\r\n$1\r\n3\r\n$0\r\n\r\n$1\r\n4\r\n",
    ),
    (
        "HSCAN h 0 MATCH a*",
        "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$2\r\nab\r\n$1\r\n3\r\n",
    ),
    (
        "HSCAN h 0 MATCH *",
        "*2\r\n$1\r\n0\r\n*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$2\r\n\
            ab\r\n$1\r\n3\r\n$0\r\n\r\n$1\r\n4\r\n",
    ),
    (
        "HSCAN h 0 MATCH ?",
        "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
    ),
    (
        "HSCAN h 0 MATCH [ab]",
        "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
    ),
    (
        "HSCAN h 0 MATCH \"\"",
        "*2\r\n$1\r\n0\r\n*2\r\n$0\r\n\r\n$1\r\n4\r\n",
    ),
    ("HSCAN h 0 MATCH nope", "*2\r\n$1\r\n0\r\n*0\r\n"),
    (
        "HSCAN h 0 MATCH a",
        "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n",
    ),
    (
        "HSCAN h 0 match a* count 2 novalues",
        "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$2\r\nab\r\n",
    ),
    (
        "HSCAN h 0 NOVALUES",
        "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\nab\r\n$0\r\n\r\n",
    ),
    (
        "HSCAN h 0 NOVALUES NOVALUES MATCH b MATCH a*",
        "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$2\r\nab\r\n",
    ),
    ("HSCAN h 0 COUNT 0", SYNTAX),
    ("HSCAN h 0 COUNT -1", SYNTAX),
    ("HSCAN h 0 COUNT x", NOT_AN_INTEGER),
    (
        "HSCAN h 0 COUNT 9223372036854775807",
        "*2\r\n$1\r\n0\r\n*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$2\r\n\
            ab\r\n$1\r\n3\r\n$0\r\n\r\n$1\r\n4\r\n",
    ),
    ("HSCAN h 0 COUNT 9223372036854775808", NOT_AN_INTEGER),
    ("HSCAN h 0 COUNT", SYNTAX),
    ("HSCAN h 0 MATCH", SYNTAX),
    ("HSCAN h 0 NOVALUES COUNT", SYNTAX),
    ("HSCAN h 0 COUNT 0 NONSENSE", SYNTAX),
    ("HSCAN h 0 NONSENSE", SYNTAX),
    ("HSCAN h 0 NONSENSE 1", SYNTAX),
    ("HSCAN h 0 TYPE hash", SYNTAX),
    ("HSCAN h 0 MATCH x COUNT x", NOT_AN_INTEGER),
    ("HSCAN h x", BAD_CURSOR),
    ("HSCAN h \"\"", BAD_CURSOR),
    ("HSCAN h -1", BAD_CURSOR),
    ("HSCAN h 0x0", BAD_CURSOR),
    ("HSCAN h 1.0", BAD_CURSOR),
    ("HSCAN h 18446744073709551616", BAD_CURSOR),
    ("HSCAN h 18446744073709551615 NONSENSE", SYNTAX),
    ("HSCAN h x NONSENSE", BAD_CURSOR),
    (
        "HSCAN h 00",
        "*2\r\n$1\r\n0\r\n*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$2\r\n\
            ab\r\n$1\r\n3\r\n$0\r\n\r\n$1\r\n4\r\n",
    ),
    (
        "HSCAN h \" 0\"",
        "*2\r\n$1\r\n0\r\n*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$2\r\n\
            ab\r\n$1\r\n3\r\n$0\r\n\r\n$1\r\n4\r\n",
    ),
    ("HSCAN nope 0", "*2\r\n$1\r\n0\r\n*0\r\n"),
    ("HSCAN nope 0 NONSENSE", "*2\r\n$1\r\n0\r\n*0\r\n"),
    ("HSCAN nope 0 COUNT x", "*2\r\n$1\r\n0\r\n*0\r\n"),
    ("HSCAN nope x", BAD_CURSOR),
    ("HSCAN nope 7", "*2\r\n$1\r\n0\r\n*0\r\n"),
    (
        "HSCAN h",
        "-ERR wrong number of arguments for 'hscan' command\r\n",
    ),
    (
        "HSCAN",
        "-ERR wrong number of arguments for 'hscan' command\r\n",
    ),
    ("HSET one f v", ":1\r\n"),
    (
        "HSCAN one 0",
        "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
    ),
    ("HSCAN one 0 MATCH g", "*2\r\n$1\r\n0\r\n*0\r\n"),
    (
        "HSCAN one 0 MATCH f NOVALUES",
        "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nf\r\n",
    ),
];

#[test]
fn scans_of_small_hashes() {
    wire::check(SCANS_OF_SMALL_HASHES);
}

const RANDOM_FIELDS_THAT_LEAVE_NO_CHOICE: &[(&str, &str)] = &[
    ("HSET h f v", ":1\r\n"),
    ("HRANDFIELD h", "$1\r\nf\r\n"),
    ("HRANDFIELD h 1", "*1\r\n$1\r\nf\r\n"),
    ("HRANDFIELD h 5", "*1\r\n$1\r\nf\r\n"),
    ("HRANDFIELD h 9223372036854775807", "*1\r\n$1\r\nf\r\n"),
    ("HRANDFIELD h -3", "*3\r\n$1\r\nf\r\n$1\r\nf\r\n$1\r\nf\r\n"),
    ("HRANDFIELD h -1", "*1\r\n$1\r\nf\r\n"),
    ("HRANDFIELD h 0", "*0\r\n"),
    ("HRANDFIELD h -0", NOT_AN_INTEGER),
    ("HRANDFIELD h 1 WITHVALUES", "*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
    ("HRANDFIELD h 5 withvalues", "*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
    (
        "HRANDFIELD h -2 WITHVALUES",
        "*4\r\n$1\r\nf\r\n$1\r\nv\r\n$1\r\nf\r\n$1\r\nv\r\n",
    ),
    ("HRANDFIELD h 0 WITHVALUES", "*0\r\n"),
    (
        "HRANDFIELD h 4611686018427387903 WITHVALUES",
        "*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
    ),
    ("HRANDFIELD h 4611686018427387904 WITHVALUES", OUT_OF_RANGE),
    ("HRANDFIELD h -4611686018427387904 WITHVALUES", OUT_OF_RANGE),
    ("HRANDFIELD h -4611686018427387905 WITHVALUES", OUT_OF_RANGE),
    ("HRANDFIELD h -9223372036854775807 WITHVALUES", OUT_OF_RANGE),
    (
        "HRANDFIELD h -9223372036854775808",
        "-ERR value is out of range, value must between -9223372036854775807 and \
            9223372036854775807\r\n",
    ),
    (
        "HRANDFIELD h -9223372036854775808 WITHVALUES",
        "-ERR value is out of range, value must between -9223372036854775807 and \
            9223372036854775807\r\n",
    ),
    ("HRANDFIELD h 9223372036854775807 WITHVALUES", OUT_OF_RANGE),
    ("HRANDFIELD h 9223372036854775808", NOT_AN_INTEGER),
    ("HRANDFIELD h x", NOT_AN_INTEGER),
    ("HRANDFIELD h 1.5", NOT_AN_INTEGER),
    ("HRANDFIELD h \"\"", NOT_AN_INTEGER),
    ("HRANDFIELD h WITHVALUES", NOT_AN_INTEGER),
    ("HRANDFIELD h 1 NONSENSE", SYNTAX),
    ("HRANDFIELD h x NONSENSE", NOT_AN_INTEGER),
    ("HRANDFIELD h 1 WITHVALUES WITHVALUES", SYNTAX),
    ("HRANDFIELD h 1 WITHVALUES NONSENSE", SYNTAX),
    ("HRANDFIELD h x WITHVALUES NONSENSE", NOT_AN_INTEGER),
    (
        "HRANDFIELD h 9223372036854775808 WITHVALUES",
        NOT_AN_INTEGER,
    ),
    ("HRANDFIELD nope", "$-1\r\n"),
    ("HRANDFIELD nope 1", "*0\r\n"),
    ("HRANDFIELD nope -1", "*0\r\n"),
    ("HRANDFIELD nope 0", "*0\r\n"),
    ("HRANDFIELD nope -9223372036854775807", "*0\r\n"),
    ("HRANDFIELD nope 1 WITHVALUES", "*0\r\n"),
    ("HRANDFIELD nope x", NOT_AN_INTEGER),
    ("HRANDFIELD nope 1 NONSENSE", SYNTAX),
    (
        "HRANDFIELD nope 9223372036854775807 WITHVALUES",
        OUT_OF_RANGE,
    ),
    (
        "HRANDFIELD",
        "-ERR wrong number of arguments for 'hrandfield' command\r\n",
    ),
];

#[test]
fn random_fields_that_leave_no_choice() {
    wire::check(RANDOM_FIELDS_THAT_LEAVE_NO_CHOICE);
}

#[test]
fn shapes_of_resp3() {
    let mut client = wire::Client::new();
    client.talk(b"HELLO 3\r\n");
    for (request, reply) in [
        ("HSET h f v", ":1\r\n"),
        ("HGETALL h", "%1\r\n$1\r\nf\r\n$1\r\nv\r\n"),
        ("HGETALL nope", "%0\r\n"),
        ("HGET h nope", "_\r\n"),
        ("HGET nope f", "_\r\n"),
        ("HGET h f", "$1\r\nv\r\n"),
        ("HMGET h f nope", "*2\r\n$1\r\nv\r\n_\r\n"),
        ("HMGET nope f", "*1\r\n_\r\n"),
        ("HKEYS h", "*1\r\n$1\r\nf\r\n"),
        ("HKEYS nope", "*0\r\n"),
        ("HVALS h", "*1\r\n$1\r\nv\r\n"),
        ("HVALS nope", "*0\r\n"),
        ("HLEN nope", ":0\r\n"),
        ("HEXISTS h f", ":1\r\n"),
        ("HINCRBY h n 1", ":1\r\n"),
        ("HINCRBYFLOAT h n 1.5", "$3\r\n2.5\r\n"),
        ("HDEL h n", ":1\r\n"),
        ("HSCAN h 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"),
        ("HSCAN h 0 NOVALUES", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nf\r\n"),
        ("HSCAN nope 0", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("HRANDFIELD h", "$1\r\nf\r\n"),
        ("HRANDFIELD nope", "_\r\n"),
        ("HRANDFIELD h 1", "*1\r\n$1\r\nf\r\n"),
        ("HRANDFIELD h -2", "*2\r\n$1\r\nf\r\n$1\r\nf\r\n"),
        (
            "HRANDFIELD h 3 WITHVALUES",
            "*1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
        ),
        (
            "HRANDFIELD h -2 WITHVALUES",
            "*2\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
        ),
        ("HRANDFIELD h 0 WITHVALUES", "*0\r\n"),
        ("HRANDFIELD nope 1", "*0\r\n"),
        ("HRANDFIELD nope 1 WITHVALUES", "*0\r\n"),
        ("HMSET h f v", "+OK\r\n"),
        ("HSETNX h f v", ":0\r\n"),
        ("HSTRLEN h f", ":1\r\n"),
        ("SET s v", "+OK\r\n"),
        ("HGETALL s", WRONG_TYPE),
        ("HSCAN h x", BAD_CURSOR),
    ] {
        let answer = client.talk(format!("{request}\r\n").as_bytes());
        assert_eq!(String::from_utf8_lossy(&answer), reply, "{request}");
    }
}

type BinaryRow = (&'static [&'static [u8]], &'static [u8]);

const BINARY: &[BinaryRow] = &[
    (&[b"HSET", b"h", b"\x00", b"\xff\xfe"], b":1\r\n"),
    (&[b"HSET", b"h", b"\x00\x00", b"\r\n"], b":1\r\n"),
    (&[b"HSET", b"h", b"a\x00b", b"$3\r\n"], b":1\r\n"),
    (
        &[b"HGETALL", b"h"],
        b"*6\r\n$1\r\n\x00\r\n$2\r\n\xff\xfe\r\n$2\r\n\x00\x00\r\n$2\r\n\r\n\r\n$3\r\n\
            a\x00b\r\n$4\r\n$3\r\n\r\n",
    ),
    (&[b"HGET", b"h", b"\x00"], b"$2\r\n\xff\xfe\r\n"),
    (&[b"HGET", b"h", b"\x00\x00\x00"], b"$-1\r\n"),
    (&[b"HGET", b"h", b"a"], b"$-1\r\n"),
    (
        &[b"HMGET", b"h", b"a\x00b", b"", b"\x00\x00"],
        b"*3\r\n$4\r\n$3\r\n\r\n$-1\r\n$2\r\n\r\n\r\n",
    ),
    (&[b"HSTRLEN", b"h", b"a\x00b"], b":4\r\n"),
    (&[b"HEXISTS", b"h", b"a\x00"], b":0\r\n"),
    (
        &[b"HKEYS", b"h"],
        b"*3\r\n$1\r\n\x00\r\n$2\r\n\x00\x00\r\n$3\r\na\x00b\r\n",
    ),
    (
        &[b"HVALS", b"h"],
        b"*3\r\n$2\r\n\xff\xfe\r\n$2\r\n\r\n\r\n$4\r\n$3\r\n\r\n",
    ),
    (
        &[b"HSCAN", b"h", b"0", b"MATCH", b"a\x00*"],
        b"*2\r\n$1\r\n0\r\n*2\r\n$3\r\na\x00b\r\n$4\r\n$3\r\n\r\n",
    ),
    (
        &[b"HSCAN", b"h", b"0", b"MATCH", b"\x00", b"NOVALUES"],
        b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\n\x00\r\n",
    ),
    (
        &[b"HSCAN", b"h", b"0\x00"],
        b"*2\r\n$1\r\n0\r\n*6\r\n$1\r\n\x00\r\n$2\r\n\xff\xfe\r\n$2\r\n\x00\x00\r\n\
            $2\r\n\r\n\r\n$3\r\na\x00b\r\n$4\r\n$3\r\n\r\n",
    ),
    (&[b"HSCAN", b"h", b"\x00"], b"-ERR invalid cursor\r\n"),
    (&[b"HDEL", b"h", b"\x00", b"\x00"], b":1\r\n"),
    (&[b"HLEN", b"h"], b":2\r\n"),
    (&[b"HSET", b"\xc3(\x00", b"\xc3(", b"\x80"], b":1\r\n"),
    (
        &[b"HGETALL", b"\xc3(\x00"],
        b"*2\r\n$2\r\n\xc3(\r\n$1\r\n\x80\r\n",
    ),
    (&[b"HGETALL", b"\xc3("], b"*0\r\n"),
    (
        &[b"HINCRBY", b"h", b"n", b"1\x00"],
        b"-ERR value is not an integer or out of range\r\n",
    ),
    (
        &[b"HINCRBYFLOAT", b"h", b"n", b"1\x00"],
        b"-ERR value is not a valid float\r\n",
    ),
    (&[b"HSET", b"h", b"n", b"1\x00", b"m", b"\x001"], b":2\r\n"),
    (
        &[b"HINCRBY", b"h", b"n", b"1"],
        b"-ERR hash value is not an integer\r\n",
    ),
    (
        &[b"HINCRBYFLOAT", b"h", b"n", b"1"],
        b"-ERR hash value is not a float\r\n",
    ),
    (
        &[b"HINCRBYFLOAT", b"h", b"m", b"1"],
        b"-ERR hash value is not a float\r\n",
    ),
    (
        &[b"HRANDFIELD", b"\xc3(\x00", b"1", b"WITHVALUES"],
        b"*2\r\n$2\r\n\xc3(\r\n$1\r\n\x80\r\n",
    ),
    (
        &[b"HRANDFIELD", b"h", b"1\x00"],
        b"-ERR value is not an integer or out of range\r\n",
    ),
    (&[b"HSETNX", b"h", b"\x00", b""], b":1\r\n"),
    (&[b"HGET", b"h", b"\x00"], b"$0\r\n\r\n"),
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
