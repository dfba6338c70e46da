//! Keys, byte for byte: requests through the session, replies of Redis 8.2.3.

mod wire;

#[test]
fn keys_come_and_go() {
    wire::check(&[
        ("SET a 1", "+OK\r\n"),
        ("SET b 2", "+OK\r\n"),
        ("HSET h f 1", ":1\r\n"),
        ("DEL a a nope", ":1\r\n"),
        ("DEL a", ":0\r\n"),
        ("UNLINK b b", ":1\r\n"),
        ("EXISTS h h nope", ":2\r\n"),
        ("TOUCH h h nope", ":2\r\n"),
        ("TYPE h", "+hash\r\n"),
        ("TYPE a", "+none\r\n"),
        ("SET a 1", "+OK\r\n"),
        ("TYPE a", "+string\r\n"),
        (
            "DEL",
            "-ERR wrong number of arguments for 'del' command\r\n",
        ),
    ]);
}

#[test]
fn times_to_live() {
    wire::check(&[
        ("EXPIRE nope 10", ":0\r\n"),
        (
            "EXPIRE nope abc",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "EXPIRE nope 9223372036854775807",
            "-ERR invalid expire time in 'expire' command\r\n",
        ),
        ("SET k v", "+OK\r\n"),
        ("TTL k", ":-1\r\n"),
        ("PTTL k", ":-1\r\n"),
        ("EXPIRETIME k", ":-1\r\n"),
        ("PEXPIRETIME k", ":-1\r\n"),
        ("TTL nope", ":-2\r\n"),
        ("PTTL nope", ":-2\r\n"),
        ("EXPIRETIME nope", ":-2\r\n"),
        ("PEXPIRETIME nope", ":-2\r\n"),
        ("PERSIST k", ":0\r\n"),
        ("PERSIST nope", ":0\r\n"),
        ("EXPIREAT k 99999999999", ":1\r\n"),
        ("EXPIRETIME k", ":99999999999\r\n"),
        ("PEXPIRETIME k", ":99999999999000\r\n"),
        ("PERSIST k", ":1\r\n"),
        ("TTL k", ":-1\r\n"),
        ("EXPIRE k 100", ":1\r\n"),
        ("TTL k", ":100\r\n"),
        ("PEXPIRE k 100499", ":1\r\n"),
        ("TTL k", ":100\r\n"),
        ("PEXPIREAT k 9223372036854775807", ":1\r\n"),
        ("PEXPIRETIME k", ":9223372036854775807\r\n"),
        ("EXPIRETIME k", ":9223372036854776\r\n"),
        ("EXPIREAT k 9223372036854775", ":1\r\n"),
        (
            "EXPIREAT k 9223372036854776",
            "-ERR invalid expire time in 'expireat' command\r\n",
        ),
        (
            "EXPIRE k 9223372036854775807",
            "-ERR invalid expire time in 'expire' command\r\n",
        ),
        (
            "EXPIRE k -9223372036854775808",
            "-ERR invalid expire time in 'expire' command\r\n",
        ),
        (
            "EXPIRE k 9223372036854775",
            "-ERR invalid expire time in 'expire' command\r\n",
        ),
        (
            "PEXPIRE k 9223372036854775807",
            "-ERR invalid expire time in 'pexpire' command\r\n",
        ),
        (
            "PEXPIREAT k 9223372036854775808",
            "-ERR value is not an integer or out of range\r\n",
        ),
        ("PEXPIREAT k 99999999999500", ":1\r\n"),
        ("EXPIRETIME k", ":100000000000\r\n"),
        ("PEXPIREAT k 99999999999499", ":1\r\n"),
        ("EXPIRETIME k", ":99999999999\r\n"),
        ("EXPIRE k 0", ":1\r\n"),
        ("EXISTS k", ":0\r\n"),
        ("SET k v", "+OK\r\n"),
        ("EXPIRE k -1", ":1\r\n"),
        ("EXISTS k", ":0\r\n"),
        ("SET k v", "+OK\r\n"),
        ("PEXPIREAT k -9223372036854775808", ":1\r\n"),
        ("EXISTS k", ":0\r\n"),
    ]);
}

#[test]
fn expiry_on_conditions() {
    wire::check(&[
        ("SET k v", "+OK\r\n"),
        ("EXPIREAT k 90000000000 XX", ":0\r\n"),
        ("EXPIREAT k 90000000000 GT", ":0\r\n"),
        ("EXPIREAT k 90000000000 NX", ":1\r\n"),
        ("EXPIREAT k 90000000001 NX", ":0\r\n"),
        ("EXPIREAT k 80000000000 GT", ":0\r\n"),
        ("EXPIREAT k 90000000000 GT", ":0\r\n"),
        ("EXPIREAT k 90000000000 LT", ":0\r\n"),
        ("EXPIREAT k 95000000000 gt", ":1\r\n"),
        ("EXPIREAT k 91000000000 lt", ":1\r\n"),
        ("EXPIREAT k 92000000000 XX GT", ":1\r\n"),
        ("EXPIREAT k 93000000000 XX XX", ":1\r\n"),
        ("EXPIRETIME k", ":93000000000\r\n"),
        ("PERSIST k", ":1\r\n"),
        ("EXPIREAT k 90000000000 LT", ":1\r\n"),
        ("EXPIREAT k 1 GT", ":0\r\n"),
        ("EXISTS k", ":1\r\n"),
        (
            "EXPIRE k 10 NX XX",
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n",
        ),
        (
            "EXPIRE k 10 NX GT",
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n",
        ),
        (
            "EXPIRE k 10 NX LT",
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n",
        ),
        (
            "EXPIRE k 10 GT LT",
            "-ERR GT and LT options at the same time are not compatible\r\n",
        ),
        ("EXPIRE k 10 FOO", "-ERR Unsupported option FOO\r\n"),
        ("EXPIRE k 10 NX GT FOO", "-ERR Unsupported option FOO\r\n"),
        ("EXPIRE k abc FOO", "-ERR Unsupported option FOO\r\n"),
        (
            "EXPIRE k abc NX GT",
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n",
        ),
        (
            "EXPIRE k 10 \"x\\r\\n+OK\"",
            "-ERR Unsupported option x  +OK\r\n",
        ),
        ("EXPIREAT k 1 LT", ":1\r\n"),
        ("EXISTS k", ":0\r\n"),
    ]);
}

#[test]
fn scan_and_its_options() {
    wire::check(&[
        ("SCAN 0", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SET k v", "+OK\r\n"),
        ("HSET h f 1", ":1\r\n"),
        (
            "SCAN 0 MATCH k* COUNT 100",
            "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n",
        ),
        (
            "SCAN 0 TYPE hash COUNT 100",
            "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nh\r\n",
        ),
        (
            "SCAN 0 type STRING count 100",
            "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n",
        ),
        ("SCAN 0 TYPE list COUNT 100", "*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SCAN 0 TYPE nope COUNT 100", "*2\r\n$1\r\n0\r\n*0\r\n"),
        (
            "SCAN 0 MATCH a* MATCH h* COUNT 1 COUNT 100",
            "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nh\r\n",
        ),
        ("SCAN abc", "-ERR invalid cursor\r\n"),
        ("SCAN -1", "-ERR invalid cursor\r\n"),
        ("SCAN \"\"", "-ERR invalid cursor\r\n"),
        ("SCAN 18446744073709551616", "-ERR invalid cursor\r\n"),
        ("SCAN 0 COUNT 0", "-ERR syntax error\r\n"),
        ("SCAN 0 COUNT -1", "-ERR syntax error\r\n"),
        (
            "SCAN 0 COUNT abc",
            "-ERR value is not an integer or out of range\r\n",
        ),
        ("SCAN 0 COUNT", "-ERR syntax error\r\n"),
        ("SCAN 0 MATCH", "-ERR syntax error\r\n"),
        ("SCAN 0 FOO bar", "-ERR syntax error\r\n"),
        (
            "SCAN 0 NOVALUES",
            "-ERR NOVALUES option can only be used in HSCAN\r\n",
        ),
        ("SCAN abc FOO", "-ERR invalid cursor\r\n"),
        ("KEYS k", "*1\r\n$1\r\nk\r\n"),
        ("KEYS [a-h]", "*1\r\n$1\r\nh\r\n"),
        ("KEYS nope*", "*0\r\n"),
        ("DBSIZE", ":2\r\n"),
        ("DEL h", ":1\r\n"),
        ("RANDOMKEY", "$1\r\nk\r\n"),
        ("DEL k", ":1\r\n"),
        ("RANDOMKEY", "$-1\r\n"),
        ("KEYS *", "*0\r\n"),
        ("DBSIZE", ":0\r\n"),
    ]);
}

#[test]
fn renaming_takes_the_expiry_along() {
    wire::check(&[
        ("RENAME nope x", "-ERR no such key\r\n"),
        ("RENAME nope nope", "-ERR no such key\r\n"),
        ("RENAMENX nope x", "-ERR no such key\r\n"),
        ("SET s v", "+OK\r\n"),
        ("EXPIREAT s 99999999999", ":1\r\n"),
        ("RENAME s s", "+OK\r\n"),
        ("RENAMENX s s", ":0\r\n"),
        ("RENAME s t", "+OK\r\n"),
        ("EXISTS s", ":0\r\n"),
        ("EXPIRETIME t", ":99999999999\r\n"),
        ("GET t", "$1\r\nv\r\n"),
        ("HSET h a 1 b 2 c 3", ":3\r\n"),
        ("HPEXPIREAT h 5000000001000 FIELDS 1 b", "*1\r\n:1\r\n"),
        ("HPEXPIREAT h 5000000002000 FIELDS 1 c", "*1\r\n:1\r\n"),
        ("EXPIREAT h 99999999990", ":1\r\n"),
        ("RENAME h t", "+OK\r\n"),
        ("EXISTS h", ":0\r\n"),
        ("HMGET t a b c", "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"),
        (
            "HPEXPIRETIME t FIELDS 3 a b c",
            "*3\r\n:-1\r\n:5000000001000\r\n:5000000002000\r\n",
        ),
        ("EXPIRETIME t", ":99999999990\r\n"),
        ("SET s w", "+OK\r\n"),
        ("RENAMENX s t", ":0\r\n"),
        ("RENAMENX t fresh", ":1\r\n"),
        ("TYPE fresh", "+hash\r\n"),
        ("HLEN fresh", ":3\r\n"),
        ("EXISTS t", ":0\r\n"),
        ("RENAME s fresh", "+OK\r\n"),
        ("GET fresh", "$1\r\nw\r\n"),
        ("TTL fresh", ":-1\r\n"),
    ]);
}

#[test]
fn copies_and_moves() {
    wire::check(&[
        ("COPY nope x", ":0\r\n"),
        (
            "COPY nope nope",
            "-ERR source and destination objects are the same\r\n",
        ),
        ("SET s v", "+OK\r\n"),
        ("EXPIREAT s 99999999999", ":1\r\n"),
        ("COPY s t", ":1\r\n"),
        ("COPY s t", ":0\r\n"),
        ("SET s w", "+OK\r\n"),
        ("COPY s t REPLACE", ":1\r\n"),
        ("GET t", "$1\r\nw\r\n"),
        ("EXPIRETIME t", ":-1\r\n"),
        ("EXPIREAT s 99999999999", ":1\r\n"),
        (
            "COPY s s",
            "-ERR source and destination objects are the same\r\n",
        ),
        (
            "COPY s s DB 0",
            "-ERR source and destination objects are the same\r\n",
        ),
        ("COPY s s DB 1", ":1\r\n"),
        ("COPY s s DB 1", ":0\r\n"),
        ("COPY s s DB 1 REPLACE", ":1\r\n"),
        ("COPY s u DB", "-ERR syntax error\r\n"),
        (
            "COPY s u DB abc",
            "-ERR value is not an integer or out of range\r\n",
        ),
        ("COPY s u DB -1", "-ERR DB index is out of range\r\n"),
        ("COPY s u DB 16", "-ERR DB index is out of range\r\n"),
        (
            "COPY s u DB 9999999999",
            "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n",
        ),
        (
            "COPY s u DB 99999999999999999999",
            "-ERR value is not an integer or out of range\r\n",
        ),
        ("COPY s u FOO", "-ERR syntax error\r\n"),
        ("COPY s u DB 1 DB 2", ":1\r\n"),
        (
            "MOVE s 0",
            "-ERR source and destination objects are the same\r\n",
        ),
        ("MOVE s 1", ":0\r\n"),
        ("MOVE nope 1", ":0\r\n"),
        (
            "MOVE s abc",
            "-ERR value is not an integer or out of range\r\n",
        ),
        ("MOVE s 16", "-ERR DB index is out of range\r\n"),
        ("MOVE s -1", "-ERR DB index is out of range\r\n"),
        (
            "MOVE s 99999999999",
            "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n",
        ),
        ("MOVE s 3", ":1\r\n"),
        ("EXISTS s", ":0\r\n"),
        ("HSET h a 1 b 2", ":2\r\n"),
        ("HPEXPIREAT h 5000000001000 FIELDS 1 b", "*1\r\n:1\r\n"),
        ("MOVE h 3", ":1\r\n"),
        ("EXISTS h", ":0\r\n"),
        ("SELECT 3", "+OK\r\n"),
        ("GET s", "$1\r\nw\r\n"),
        ("EXPIRETIME s", ":99999999999\r\n"),
        ("HMGET h a b", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n"),
        (
            "HPEXPIRETIME h FIELDS 2 a b",
            "*2\r\n:-1\r\n:5000000001000\r\n",
        ),
        ("COPY h g DB 0", ":1\r\n"),
        ("SELECT 0", "+OK\r\n"),
        (
            "HPEXPIRETIME g FIELDS 2 a b",
            "*2\r\n:-1\r\n:5000000001000\r\n",
        ),
        ("HSET g a 9", ":0\r\n"),
        ("SELECT 3", "+OK\r\n"),
        ("HGET h a", "$1\r\n1\r\n"),
        ("SELECT 2", "+OK\r\n"),
        ("GET u", "$1\r\nw\r\n"),
    ]);
}

#[test]
fn whole_databases() {
    wire::check(&[
        ("SET k zero", "+OK\r\n"),
        ("SELECT 1", "+OK\r\n"),
        ("SET k one", "+OK\r\n"),
        ("SWAPDB 0 1", "+OK\r\n"),
        ("GET k", "$4\r\nzero\r\n"),
        ("SWAPDB 0 0", "+OK\r\n"),
        ("SWAPDB a 0", "-ERR invalid first DB index\r\n"),
        ("SWAPDB 0 b", "-ERR invalid second DB index\r\n"),
        ("SWAPDB a b", "-ERR invalid first DB index\r\n"),
        ("SWAPDB 0 16", "-ERR DB index is out of range\r\n"),
        ("SWAPDB -1 0", "-ERR DB index is out of range\r\n"),
        ("SWAPDB 99999999999 0", "-ERR invalid first DB index\r\n"),
        ("SWAPDB 0 99999999999", "-ERR invalid second DB index\r\n"),
        ("FLUSHDB foo", "-ERR syntax error\r\n"),
        ("FLUSHDB SYNC ASYNC", "-ERR syntax error\r\n"),
        ("FLUSHDB ASYNC", "+OK\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("SELECT 0", "+OK\r\n"),
        ("DBSIZE", ":1\r\n"),
        ("FLUSHALL sync", "+OK\r\n"),
        ("DBSIZE", ":0\r\n"),
        ("FLUSHALL \"x\\r\\ny\"", "-ERR syntax error\r\n"),
    ]);
}

#[test]
fn what_object_tells() {
    wire::check(&[
        (
            "OBJECT HELP",
            "*15\r\n+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands \
                 are:\r\n+ENCODING <key>\r\n+    Return the kind of internal representation \
                 used in order to store the value\r\n+    associated with a <key>.\r\n+FREQ \
                 <key>\r\n+    Return the access frequency index of the <key>. The returned \
                 integer is\r\n+    proportional to the logarithm of the recent access \
                 frequency of the key.\r\n+IDLETIME <key>\r\n+    Return the idle time of the \
                 <key>, that is the approximated number of\r\n+    seconds elapsed since the \
                 last access to the key.\r\n+REFCOUNT <key>\r\n+    Return the number of \
                 references of the value associated with the specified\r\n+    \
                 <key>.\r\n+HELP\r\n+    Print this help.\r\n",
        ),
        (
            "OBJECT HELP x",
            "-ERR wrong number of arguments for 'object|help' command\r\n",
        ),
        (
            "OBJECT",
            "-ERR wrong number of arguments for 'object' command\r\n",
        ),
        (
            "OBJECT foo",
            "-ERR unknown subcommand 'foo'. Try OBJECT HELP.\r\n",
        ),
        (
            "OBJECT \"foo\\r\\n+OK\" bar",
            "-ERR unknown subcommand 'foo  +OK'. Try OBJECT HELP.\r\n",
        ),
        (
            "OBJECT ENCODING",
            "-ERR wrong number of arguments for 'object|encoding' command\r\n",
        ),
        ("OBJECT ENCODING nope", "$-1\r\n"),
        ("OBJECT REFCOUNT nope", "$-1\r\n"),
        ("OBJECT IDLETIME nope", "$-1\r\n"),
        ("OBJECT FREQ nope", "$-1\r\n"),
        (
            "OBJECT ENCODING a b",
            "-ERR wrong number of arguments for 'object|encoding' command\r\n",
        ),
        ("SET i 12", "+OK\r\n"),
        ("SET e abc", "+OK\r\n"),
        (
            "SET r 123456789012345678901234567890123456789012345",
            "+OK\r\n",
        ),
        ("HSET h f 1", ":1\r\n"),
        ("OBJECT ENCODING i", "$3\r\nint\r\n"),
        ("OBJECT ENCODING e", "$6\r\nembstr\r\n"),
        ("OBJECT ENCODING r", "$3\r\nraw\r\n"),
        ("OBJECT ENCODING h", "$8\r\nlistpack\r\n"),
        ("OBJECT REFCOUNT e", ":1\r\n"),
        ("OBJECT IDLETIME e", ":0\r\n"),
        (
            "OBJECT FREQ e",
            "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. \
                 Please note that when switching between policies at runtime LRU and LFU data \
                 will take some time to adjust.\r\n",
        ),
    ]);
}

#[test]
fn restore_refuses_what_is_damaged() {
    // A payload is value, version (2 bytes), CRC-64 (8 bytes).
    wire::check(&[
        ("SET a 1", "+OK\r\n"),
        (
            "RESTORE a 0 x",
            "-BUSYKEY Target key name already exists.\r\n",
        ),
        (
            "RESTORE a abc x",
            "-BUSYKEY Target key name already exists.\r\n",
        ),
        (
            "RESTORE a abc x REPLACE",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "RESTORE a -1 x REPLACE",
            "-ERR Invalid TTL value, must be >= 0\r\n",
        ),
        (
            "RESTORE a 0 x REPLACE",
            "-ERR DUMP payload version or checksum are wrong\r\n",
        ),
        (
            "RESTORE n 0 \"\"",
            "-ERR DUMP payload version or checksum are wrong\r\n",
        ),
        (
            "RESTORE n 0 x",
            "-ERR DUMP payload version or checksum are wrong\r\n",
        ),
        ("RESTORE n 0 x FOO", "-ERR syntax error\r\n"),
        ("RESTORE n 0 x IDLETIME", "-ERR syntax error\r\n"),
        (
            "RESTORE n 0 x IDLETIME -1",
            "-ERR Invalid IDLETIME value, must be >= 0\r\n",
        ),
        (
            "RESTORE n 0 x IDLETIME abc",
            "-ERR value is not an integer or out of range\r\n",
        ),
        (
            "RESTORE n 0 x FREQ 256",
            "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n",
        ),
        (
            "RESTORE n 0 x FREQ -1",
            "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n",
        ),
        ("RESTORE n 0 x FREQ", "-ERR syntax error\r\n"),
        ("RESTORE n 0 x IDLETIME 1 FREQ 2", "-ERR syntax error\r\n"),
        ("RESTORE n 0 x FREQ 2 IDLETIME 1", "-ERR syntax error\r\n"),
        (
            "RESTORE n 0 \"\\x00\\xc0\\x01\\x0c\\x00\\xed\\x0e\\xd3v++\\x8f\\xb4\"",
            "-ERR DUMP payload version or checksum are wrong\r\n",
        ),
        (
            "RESTORE n 0 \"\\x00\\xc0\\x02\\x0c\\x00\\xed\\x0e\\xd3v++\\x8f\\xb5\"",
            "-ERR DUMP payload version or checksum are wrong\r\n",
        ),
        (
            "RESTORE n 0 \"\\x00\\xc0\\x01\\x0c\\x00\\xed\\x0e\\xd3v++\\x8f\\xb5\"",
            "+OK\r\n",
        ),
        ("GET n", "$1\r\n1\r\n"),
        (
            "RESTORE n 99999999999000 \
                 \"\\x00\\xc0\\x01\\x0c\\x00\\xed\\x0e\\xd3v++\\x8f\\xb5\" REPLACE ABSTTL \
                 IDLETIME 5",
            "+OK\r\n",
        ),
        ("PEXPIRETIME n", ":99999999999000\r\n"),
        (
            "RESTORE n 5 \"\\x00\\xc0\\x01\\x0c\\x00\\xed\\x0e\\xd3v++\\x8f\\xb5\" replace \
                 absttl freq 5",
            "+OK\r\n",
        ),
        ("EXISTS n", ":0\r\n"),
        ("GET a", "$1\r\n1\r\n"),
    ]);
}
