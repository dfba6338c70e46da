#!/usr/bin/env bash
# redis-cli against a server, as people use it: `redis_cli.sh PORT`.
set -euo pipefail
port=$1
cli() { timeout 60 redis-cli -p "$port" "$@"; }
fail() { echo "redis-cli: $*" >&2; exit 1; }
want() { # what, expected, got
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

want ping PONG "$(cli ping)"
want "RESP3 ping" PONG "$(cli -3 ping)"
want flush OK "$(cli flushall)"
# Mass insertion: `--pipe` ends with an ECHO of random bytes and counts the replies.
words() { printf '*%d\r\n' $#; for w in "$@"; do printf '$%d\r\n%s\r\n' "${#w}" "$w"; done; }
for i in $(seq 2000); do words HSET "user:$i" age "$i" city Lyon; done > pipe.txt
said=$(cli --pipe < pipe.txt)
grep -q 'errors: 0, replies: 2000' <<< "$said" || fail "--pipe: $said"
said=$({ cat pipe.txt; words GET user:1; } | cli --pipe 2>&1) || true
grep -q 'errors: 1, replies: 2001' <<< "$said" || fail "--pipe with an error: $said"
said=$(printf 'SET a 1\r\nSET b 2\n' | cli --pipe)
grep -q 'errors: 0, replies: 2' <<< "$said" || fail "inline --pipe: $said"
want --scan 2000 "$(cli --scan --pattern 'user:*' | sort -u | wc -l)"
want hmget $'7\nLyon\n' "$(cli hmget user:7 age city none)"$'\n'
want "-3 hgetall" 2 "$(cli -3 hgetall user:7 | wc -l)"
want --csv '"age","7","city","Lyon"' "$(cli --csv hgetall user:7)"
want --json '{"age":"7","city":"Lyon"}' "$(cli -3 --json hgetall user:7)"
said=$(cli --bigkeys -i 0) || fail "--bigkeys: $said"
grep -q 'Sampled 2002 keys' <<< "$said" || fail "--bigkeys: $said"
grep -q 'Biggest *hash found' <<< "$said" || fail "--bigkeys: $said"
said=$(cli --memkeys -i 0) || fail "--memkeys: $said"
grep -q 'Sampled 2002 keys' <<< "$said" || fail "--memkeys: $said"
want "a transaction" $'OK\nQUEUED\nQUEUED\n1\n2' \
    "$(printf 'multi\nincr n\nincr n\nexec\n' | cli)"
want "-x" OK "$(printf 'a value\r\n' | cli -x set from-stdin)"
want "-n" "" "$(cli -n 1 get from-stdin)"
want "--eval is refused" 1 "$(cli eval 'return 1' 0 | grep -c "unknown command 'eval'")"
said=$(cli info everything)
grep -q '^redis_version:' <<< "$said" || fail "info: $said"
said=$(cli client list)
grep -q 'cmd=client|list' <<< "$said" || fail "client list: $said"
rm -f pipe.txt
echo "ok redis-cli"
