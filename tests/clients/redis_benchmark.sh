#!/usr/bin/env bash
# redis-benchmark against a server: `redis_benchmark.sh PORT`. That it ends well, not how fast.
set -euo pipefail
port=$1
run() {
    local said
    said=$(timeout 120 redis-benchmark -p "$port" -q "$@" 2>&1) || {
        echo "redis-benchmark $*: $said" >&2
        exit 1
    }
    if grep -qiE 'error|warning|could not' <<< "$said"; then
        echo "redis-benchmark $*: $said" >&2
        exit 1
    fi
}

run -t ping,set,get,hset,mset,incr -n 20000 -r 1000 -c 20
run -t ping,set,get,hset,mset,incr -n 50000 -r 1000 -c 20 -P 16
run -3 -t get,hset -n 20000 -r 1000 -P 16
run --threads 2 -t set,get -n 20000 -r 1000
run -n 20000 -r 1000 -P 16 hmget 'user:__rand_int__' age city none
echo "ok redis-benchmark"
