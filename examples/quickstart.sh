#!/usr/bin/env bash
# Build Fieldstone, start it with its defaults, declare the features of real flights, load them,
# read some back, load a wrong export and roll it back. The data is kept in fieldstone-data, and a
# second run starts from it. A Fieldstone that already answers on $PORT is used as it is. Needs
# a Rust toolchain; a C compiler and redis-cli are installed from the Debian packages
# build-essential and redis-tools if missing.
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
    if ! redis-cli -p "$port" info server | grep -q '^fieldstone_version:'; then
        echo "error: another server answers on port $port; take another port: PORT=7000 $0" >&2
        exit 1
    fi
    echo "a Fieldstone answers on port $port: using it"
else
    "$fieldstone" serve --port "$port" > "$log" 2>&1 &
    server=$!
    for attempt in $(seq 1 100); do
        if answers; then
            break
        fi
        if [ "$attempt" = 100 ] || ! kill -0 "$server" 2> /dev/null; then
            echo "error: the server did not start:" >&2
            tail -n 3 "$log" >&2
            exit 1
        fi
        sleep 0.1
    done
fi

# Show a command and run it.
run() {
    echo "\$ $*"
    "$@"
}
# The same with the path and the address left out, as they are for who follows the README.
fieldstone() {
    echo "\$ fieldstone $*"
    command=$1
    shift
    "$fieldstone" "$command" --server "127.0.0.1:$port" "$@"
}

fieldstone apply examples/flights/views.toml
for view in plane airport carrier; do
    fieldstone load "$view" --set tenant=A
done
run redis-cli -p "$port" HMGET A:plane:N14228 model seats flights_365d arr_delay_mean last_seen
echo "An export that is wrong, and back:"
fieldstone load carrier examples/flights/carriers_wrong.csv --set tenant=A
run redis-cli -p "$port" HMGET A:carrier:HA name flights_365d
run redis-cli -p "$port" FS.BATCH ROLLBACK carrier
run redis-cli -p "$port" HMGET A:carrier:HA name flights_365d
echo "The server keeps running on port $port."
echo "To stop it:          redis-cli -p $port shutdown"
if [ -n "$server" ]; then
    folder=$(cd "$(dirname "$fieldstone")" && pwd)
    echo "To start it again:   $folder/fieldstone serve --port $port --dir '$PWD/fieldstone-data'"
    echo "To remove its data:  rm -r '$PWD/fieldstone-data'"
    echo "To have the command: export PATH=\"$folder:\$PATH\""
fi
