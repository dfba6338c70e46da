//! Strings, byte for byte: requests through the session, replies of Redis 8.2.3.

mod wire;

#[test]
fn set_takes_its_options() {
    wire::check(&[
        ("SET k v", "+OK\r\n"),
        ("GET k", "$1\r\nv\r\n"),
        ("SET k w NX", "$-1\r\n"),
        ("SET k w XX", "+OK\r\n"),
        ("SET n w XX", "$-1\r\n"),
        ("SET k x GET", "$1\r\nw\r\n"),
        ("SET k y NX GET", "$1\r\nx\r\n"),
        ("SET new y NX GET", "$-1\r\n"),
        ("SET missing y XX GET", "$-1\r\n"),
        ("GET k", "$1\r\nx\r\n"),
        ("SET k v NX XX", "-ERR syntax error\r\n"),
        ("SET k v KEEPTTL EX 10", "-ERR syntax error\r\n"),
        ("SET k v EX 10 PX 10", "-ERR syntax error\r\n"),
        ("SET k v PERSIST", "-ERR syntax error\r\n"),
        ("SET k v EX", "-ERR syntax error\r\n"),
        ("SET k v FOO", "-ERR syntax error\r\n"),
        ("SET k v exat 99999999999", "+OK\r\n"),
        ("EXPIRETIME k", ":99999999999\r\n"),
        ("SET k w KEEPTTL KEEPTTL", "+OK\r\n"),
        ("EXPIRETIME k", ":99999999999\r\n"),
        ("SET k w", "+OK\r\n"),
        ("EXPIRETIME k", ":-1\r\n"),
        ("SET k v PXAT 9223372036854775807", "+OK\r\n"),
        ("PEXPIRETIME k", ":9223372036854775807\r\n"),
        ("SET k v PXAT 1", "+OK\r\n"),
        ("EXISTS k", ":0\r\n"),
        ("HSET h f 1", ":1\r\n"),
        (
            "SET h v GET",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (
            "SET h v NX GET",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (
            "SET h v GET EX abc",
            "-ERR value is not an integer or out of range\r\n",
        ),
        ("TYPE h", "+hash\r\n"),
        ("SET h v", "+OK\r\n"),
        ("TYPE h", "+string\r\n"),
    ]);
}

#[test]
fn expiries_of_strings_are_checked() {
    // Order matters: an odd time is refused before the type, a missing key asks for none.
    wire::check(&[
        (
            "SET k v EX 0",
            "-ERR invalid expire time in 'set' command\r\n",
        ),
        (
            "SET k v EX -1",
            "-ERR invalid expire time in 'set' command\r\n",
        ),
        (
            "SET k v EX abc",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "SET k v EX 9223372036854775807",
            "-ERR invalid expire time in 'set' command\r\n",
        ),
        (
            "SET k v PX 9223372036854775807",
            "-ERR invalid expire time in 'set' command\r\n",
        ),
        (
            "SET k v EXAT 9223372036854775807",
            "-ERR invalid expire time in 'set' command\r\n",
        ),
        (
            "SETEX k 0 v",
            "-ERR invalid expire time in 'setex' command\r\n",
        ),
        (
            "SETEX k 9223372036854775807 v",
            "-ERR invalid expire time in 'setex' command\r\n",
        ),
        (
            "SETEX k x v",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "PSETEX k -5 v",
            "-ERR invalid expire time in 'psetex' command\r\n",
        ),
        ("PSETEX k 100000 v", "+OK\r\n"),
        ("SETEX k 100 v", "+OK\r\n"),
        (
            "GETEX k EX 0",
            "-ERR invalid expire time in 'getex' command\r\n",
        ),
        (
            "GETEX k EX abc",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "GETEX k EXAT 9223372036854775807",
            "-ERR invalid expire time in 'getex' command\r\n",
        ),
        ("GETEX k KEEPTTL", "-ERR syntax error\r\n"),
        ("GETEX k PERSIST EX 10", "-ERR syntax error\r\n"),
        ("GETEX k PERSIST", "$1\r\nv\r\n"),
        ("TTL k", ":-1\r\n"),
        ("GETEX k EXAT 99999999999 EXAT 99999999998", "$1\r\nv\r\n"),
        ("EXPIRETIME k", ":99999999998\r\n"),
        ("GETEX k", "$1\r\nv\r\n"),
        ("EXPIRETIME k", ":99999999998\r\n"),
        ("GETEX k PXAT 5", "$1\r\nv\r\n"),
        ("EXISTS k", ":0\r\n"),
        ("GETEX k EX 0", "$-1\r\n"),
        ("GETEX k FOO", "-ERR syntax error\r\n"),
        ("HSET h f 1", ":1\r\n"),
        (
            "GETEX h EX abc",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
    ]);
}

#[test]
fn several_keys_and_names_given_twice() {
    wire::check(&[
        ("MSET a 1 b 2 a 3", "+OK\r\n"),
        (
            "MGET a b a nope",
            "*4\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n3\r\n$-1\r\n",
        ),
        (
            "MSET a",
            "-ERR wrong number of arguments for 'mset' command\r\n",
        ),
        (
            "MSET a 1 b",
            "-ERR wrong number of arguments for 'mset' command\r\n",
        ),
        ("MSETNX c 1 c 2", ":1\r\n"),
        ("GET c", "$1\r\n2\r\n"),
        ("MSETNX c 9 d 9", ":0\r\n"),
        ("EXISTS d", ":0\r\n"),
        (
            "MSETNX x 1 y",
            "-ERR wrong number of arguments for 'msetnx' command\r\n",
        ),
        ("HSET h f 1", ":1\r\n"),
        ("MGET h a", "*2\r\n$-1\r\n$1\r\n3\r\n"),
        ("MSETNX h 1", ":0\r\n"),
        ("SETNX a 1", ":0\r\n"),
        ("SETNX z 1", ":1\r\n"),
        ("GETSET z 2", "$1\r\n1\r\n"),
        ("GETSET fresh 1", "$-1\r\n"),
        (
            "GETSET h 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        ("GETDEL z", "$1\r\n2\r\n"),
        ("GETDEL z", "$-1\r\n"),
        (
            "GETDEL h",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        ("STRLEN a", ":1\r\n"),
        ("STRLEN nope", ":0\r\n"),
        (
            "STRLEN h",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (
            "GET h",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
    ]);
}

#[test]
fn counters_stop_at_the_ends_of_i64() {
    wire::check(&[
        ("SET n 9223372036854775807", "+OK\r\n"),
        ("INCR n", "-ERR increment or decrement would overflow\r\n"),
        (
            "INCRBY n 9223372036854775807",
            "-ERR increment or decrement would overflow\r\n",
        ),
        ("DECR n", ":9223372036854775806\r\n"),
        ("INCRBY n 1", ":9223372036854775807\r\n"),
        ("GET n", "$19\r\n9223372036854775807\r\n"),
        ("SET n -9223372036854775808", "+OK\r\n"),
        ("DECR n", "-ERR increment or decrement would overflow\r\n"),
        (
            "DECRBY n 1",
            "-ERR increment or decrement would overflow\r\n",
        ),
        (
            "DECRBY n -9223372036854775808",
            "-ERR decrement would overflow\r\n",
        ),
        (
            "INCRBY n -9223372036854775808",
            "-ERR increment or decrement would overflow\r\n",
        ),
        ("INCR n", ":-9223372036854775807\r\n"),
        (
            "INCRBY n 9223372036854775808",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "INCRBY n abc",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "INCRBY n 1.5",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "INCRBY n \" 1\"",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "INCRBY n +1",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "INCRBY n 01",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "INCRBY n -0",
            "-ERR value is not an integer or out of range\r\n",
        ),
        ("DECRBY new 5", ":-5\r\n"),
        ("INCR new2", ":1\r\n"),
        ("EXPIREAT new 99999999999", ":1\r\n"),
        ("INCR new", ":-4\r\n"),
        ("EXPIRETIME new", ":99999999999\r\n"),
    ]);
}

#[test]
fn stored_numbers_may_be_anything() {
    wire::check(&[
        ("SET n \"\"", "+OK\r\n"),
        ("INCR n", "-ERR value is not an integer or out of range\r\n"),
        ("SET n \" 1\"", "+OK\r\n"),
        ("INCR n", "-ERR value is not an integer or out of range\r\n"),
        ("SET n 1x", "+OK\r\n"),
        ("INCR n", "-ERR value is not an integer or out of range\r\n"),
        ("SET n 007", "+OK\r\n"),
        ("INCR n", "-ERR value is not an integer or out of range\r\n"),
        ("SET n -0", "+OK\r\n"),
        ("INCR n", "-ERR value is not an integer or out of range\r\n"),
        ("SET n 9223372036854775808", "+OK\r\n"),
        ("INCR n", "-ERR value is not an integer or out of range\r\n"),
        ("SET n 1.0", "+OK\r\n"),
        ("INCR n", "-ERR value is not an integer or out of range\r\n"),
        ("INCRBYFLOAT n 0.1", "$3\r\n1.1\r\n"),
        ("SET n inf", "+OK\r\n"),
        (
            "INCRBYFLOAT n 1",
            "-ERR increment would produce NaN or Infinity\r\n",
        ),
        ("SET n nan", "+OK\r\n"),
        ("INCRBYFLOAT n 1", "-ERR value is not a valid float\r\n"),
        ("SET n 1e5000", "+OK\r\n"),
        ("INCRBYFLOAT n 1", "-ERR value is not a valid float\r\n"),
        ("SET n \"1 \"", "+OK\r\n"),
        ("INCRBYFLOAT n 1", "-ERR value is not a valid float\r\n"),
        ("SET n \"1\\r\\n\"", "+OK\r\n"),
        ("INCRBYFLOAT n 1", "-ERR value is not a valid float\r\n"),
        ("GET n", "$3\r\n1\r\n\r\n"),
        ("HSET h f 1", ":1\r\n"),
        (
            "INCR h",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (
            "INCRBYFLOAT h 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (
            "INCRBYFLOAT h abc",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
    ]);
}

#[test]
fn floats_read_as_people_write_them() {
    wire::check(&[
        ("INCRBYFLOAT f 10.50", "$4\r\n10.5\r\n"),
        ("INCRBYFLOAT f 0.1", "$4\r\n10.6\r\n"),
        ("INCRBYFLOAT f -5", "$3\r\n5.6\r\n"),
        ("SET f 5.0e3", "+OK\r\n"),
        ("INCRBYFLOAT f 2.0e2", "$4\r\n5200\r\n"),
        ("SET f 0.1", "+OK\r\n"),
        ("INCRBYFLOAT f 0.2", "$3\r\n0.3\r\n"),
        ("INCRBYFLOAT f -0.3", "$1\r\n0\r\n"),
        ("INCRBYFLOAT f 1e-17", "$19\r\n0.00000000000000001\r\n"),
        ("INCRBYFLOAT f 1e-18", "$19\r\n0.00000000000000001\r\n"),
        ("SET f 3.0e3", "+OK\r\n"),
        ("INCRBYFLOAT f 0", "$4\r\n3000\r\n"),
        ("INCRBYFLOAT f abc", "-ERR value is not a valid float\r\n"),
        ("INCRBYFLOAT f \"\"", "-ERR value is not a valid float\r\n"),
        (
            "INCRBYFLOAT f inf",
            "-ERR increment would produce NaN or Infinity\r\n",
        ),
        ("INCRBYFLOAT f nan", "-ERR value is not a valid float\r\n"),
        ("EXPIREAT f 99999999999", ":1\r\n"),
        ("INCRBYFLOAT f 1", "$4\r\n3001\r\n"),
        ("EXPIRETIME f", ":99999999999\r\n"),
    ]);
}

#[test]
fn ranges_and_splices() {
    wire::check(&[
        ("SET s \"Hello World\"", "+OK\r\n"),
        ("GETRANGE s 0 4", "$5\r\nHello\r\n"),
        ("GETRANGE s -5 -1", "$5\r\nWorld\r\n"),
        ("GETRANGE s 0 -1", "$11\r\nHello World\r\n"),
        ("GETRANGE s 10 100", "$1\r\nd\r\n"),
        ("GETRANGE s 5 3", "$0\r\n\r\n"),
        ("GETRANGE s -1 -5", "$0\r\n\r\n"),
        ("GETRANGE s 0 -100", "$1\r\nH\r\n"),
        (
            "GETRANGE s -9223372036854775808 9223372036854775807",
            "$11\r\nHello World\r\n",
        ),
        (
            "GETRANGE s 9223372036854775807 9223372036854775807",
            "$0\r\n\r\n",
        ),
        ("GETRANGE nope 0 -1", "$0\r\n\r\n"),
        ("SUBSTR s 0 1", "$2\r\nHe\r\n"),
        (
            "GETRANGE s a 1",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "GETRANGE s 0 b",
            "-ERR value is not an integer or out of range\r\n",
        ),
        ("SETRANGE s 6 Redis", ":11\r\n"),
        ("GET s", "$11\r\nHello Redis\r\n"),
        ("SETRANGE s 11 \"!\\r\\n\"", ":14\r\n"),
        ("GET s", "$14\r\nHello Redis!\r\n\r\n"),
        ("SETRANGE s 3 \"\"", ":14\r\n"),
        ("SETRANGE nope 3 \"\"", ":0\r\n"),
        ("EXISTS nope", ":0\r\n"),
        ("SETRANGE pad 3 x", ":4\r\n"),
        ("STRLEN pad", ":4\r\n"),
        ("APPEND s x", ":15\r\n"),
        ("APPEND fresh \"\"", ":0\r\n"),
        ("EXISTS fresh", ":1\r\n"),
        ("APPEND fresh \"\"", ":0\r\n"),
        ("APPEND fresh abc", ":3\r\n"),
        ("APPEND fresh def", ":6\r\n"),
        ("GET fresh", "$6\r\nabcdef\r\n"),
        ("HSET h f 1", ":1\r\n"),
        (
            "APPEND h x",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (
            "SETRANGE h 0 x",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (
            "SETRANGE h 0 \"\"",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (
            "GETRANGE h 0 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
        ),
        (
            "GETRANGE h x 1",
            "-ERR value is not an integer or out of range\r\n",
        ),
    ]);
}

#[test]
fn offsets_do_not_overflow() {
    wire::check(&[
        ("SET s abc", "+OK\r\n"),
        ("SETRANGE s -1 x", "-ERR offset is out of range\r\n"),
        (
            "SETRANGE s 536870912 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
        ),
        (
            "SETRANGE s 536870911 xy",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
        ),
        (
            "SETRANGE s 2147483647 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
        ),
        (
            "SETRANGE s 2147483648 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
        ),
        (
            "SETRANGE s 4294967295 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
        ),
        (
            "SETRANGE s 4294967296 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
        ),
        (
            "SETRANGE s 9223372036854775807 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
        ),
        (
            "SETRANGE s 9223372036854775808 x",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "SETRANGE nope 9223372036854775807 x",
            "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
        ),
        ("SETRANGE nope 4294967296 \"\"", ":0\r\n"),
        ("EXISTS nope", ":0\r\n"),
        ("GET s", "$3\r\nabc\r\n"),
    ]);
}
