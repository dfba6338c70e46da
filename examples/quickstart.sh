#!/usr/bin/env bash
# Build Fieldstone, start it with its defaults, load the features of real flights, read some back.
# A server that already answers on $PORT is used as it is. Needs a Rust toolchain; a C compiler and
# redis-cli are installed from the Debian packages build-essential and redis-tools if missing.
set -eu

cd "$(dirname "$0")/.."
port=${PORT:-6379}
fieldstone=${CARGO_TARGET_DIR:-target}/release/fieldstone
log=${CARGO_TARGET_DIR:-target}/fieldstone.log

missing=
command -v cc > /dev/null || missing="build-essential"
command -v redis-cli > /dev/null || missing="$missing redis-tools"
if [ -n "$missing" ]; then
    echo "installing$(printf ' %s' $missing)"
    as_root=sudo
    if [ "$(id -u)" = 0 ]; then
        as_root=
    fi
    if ! command -v apt-get > /dev/null || ! command -v ${as_root:-true} > /dev/null; then
        echo "error: please install the Debian packages$(printf ' %s' $missing)" >&2
        exit 1
    fi
    $as_root apt-get update
    $as_root apt-get install -y --no-install-recommends $missing
fi
if ! command -v cargo > /dev/null; then
    echo "error: please install Rust 1.95 or newer" >&2
    exit 1
fi

answers() {
    [ "$(redis-cli -p "$port" ping 2> /dev/null)" = PONG ]
}

cargo build --release
server=
if answers; then
    echo "a server answers on port $port: using it"
else
    "$fieldstone" serve --port "$port" > "$log" 2>&1 &
    server=$!
    for attempt in $(seq 1 100); do
        if answers; then
            break
        fi
        if [ "$attempt" = 100 ] || ! kill -0 "$server" 2> /dev/null; then
            echo "error: the server did not start; see $log" >&2
            exit 1
        fi
        sleep 0.1
    done
fi

load() {
    "$fieldstone" load --server "127.0.0.1:$port" --key "$1" "examples/flights/$2.parquet"
}
load 'A:plane:{tailnum}' planes
load 'A:airport:{faa}' airports
load 'A:carrier:{carrier}' carriers

echo "redis-cli -p $port HMGET A:plane:N14228 model seats flights_365d arr_delay_mean last_seen"
redis-cli -p "$port" HMGET A:plane:N14228 model seats flights_365d arr_delay_mean last_seen
if [ -n "$server" ]; then
    echo "the server keeps running on port $port; to stop it: kill $server"
fi
