"""redis-py against a server: `redis_py.py PORT PROTOCOL PARSER`; PARSER is python or hiredis."""

import sys
import threading

import redis

port, protocol, parser = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
try:
    import hiredis

    has_hiredis = True
except ImportError:
    has_hiredis = False
assert parser == "python" or has_hiredis

if parser == "hiredis":
    parser_class = redis._parsers.hiredis._HiredisParser
elif protocol == 3:
    parser_class = redis._parsers.resp3._RESP3Parser
else:
    parser_class = redis._parsers.resp2._RESP2Parser


def connect(**options):
    pool = redis.ConnectionPool(
        host="127.0.0.1", port=port, protocol=protocol, parser_class=parser_class, **options
    )
    return redis.Redis(connection_pool=pool)


def hashes(r):
    assert r.hset("A:user:1", mapping={"age": 42, "city": "Lyon", b"\x00\r\n": b"\xff"}) == 3
    assert r.hget("A:user:1", "age") == b"42"
    assert r.hmget("A:user:1", ["age", "nothing", "city"]) == [b"42", None, b"Lyon"]
    assert r.hgetall("A:user:1") == {b"age": b"42", b"city": b"Lyon", b"\x00\r\n": b"\xff"}
    assert r.hincrby("A:user:1", "age", 8) == 50
    assert r.hincrbyfloat("A:user:1", "score", 0.5) == 0.5
    assert r.hlen("A:user:1") == 4 and r.hexists("A:user:1", "city")
    assert dict(r.hscan_iter("A:user:1"))[b"city"] == b"Lyon"
    assert set(r.hrandfield("A:user:1", 10)) == {b"age", b"city", b"\x00\r\n", b"score"}
    assert r.hdel("A:user:1", "score", "score") == 1
    assert r.type("A:user:1") == b"hash"


def field_expiry(r):
    key = "A:user:2"
    r.hset(key, mapping={"a": 1, "b": 2, "c": 3})
    assert r.hexpire(key, 1000, "a", "nothing") == [1, -2]
    assert 0 < r.httl(key, "a")[0] <= 1000 and r.httl(key, "b", "x") == [-1, -2]
    assert r.hpexpireat(key, 4102444800000, "b") == [1]
    assert r.hpexpiretime(key, "b") == [4102444800000]
    assert r.hpersist(key, "a") == [1]
    assert r.hgetex(key, "a", ex=1000) == [b"1"] and 0 < r.httl(key, "a")[0]
    assert r.hsetex(key, mapping={"d": 4}, ex=1000) == 1
    only_new = redis.commands.core.HashDataPersistOptions.FNX
    assert r.hsetex(key, mapping={"d": 5}, data_persist_option=only_new) == 0
    assert r.hgetdel(key, "d", "x") == [b"4", None]
    assert r.hexpire(key, 0, "a") == [2] and not r.hexists(key, "a")


def pipelines(r):
    for transaction in (True, False):
        with r.pipeline(transaction=transaction) as pipe:
            for i in range(200):
                pipe.hset(f"p:{i}", mapping={"f": i, "g": "x"})
                pipe.expire(f"p:{i}", 1000)
                pipe.hmget(f"p:{i}", "f", "g", "h")
            replies = pipe.execute()
        assert replies[2::3] == [[str(i).encode(), b"x", None] for i in range(200)]
        assert all(replies[1::3])
    with r.pipeline(transaction=False) as pipe:
        pipe.set("s", "text").hget("s", "f").get("s")
        replies = pipe.execute(raise_on_error=False)
    assert isinstance(replies[1], redis.ResponseError) and replies[2] == b"text"


def transactions(r):
    r.set("balance", 10)
    with r.pipeline() as pipe:
        pipe.watch("balance")
        r.set("balance", 11)
        pipe.multi()
        pipe.set("balance", 0)
        try:
            pipe.execute()
            raise AssertionError("WATCH did not notice")
        except redis.WatchError:
            pass
    assert r.transaction(lambda p: (p.multi(), p.incr("balance")), "balance") == [12]


def keys(r):
    for i in range(300):
        r.set(f"scan:{i}", i)
    assert len(set(r.scan_iter("scan:*", count=20))) == 300
    assert r.mget("scan:1", "nothing", "scan:2") == [b"1", None, b"2"]
    assert r.delete(*[f"scan:{i}" for i in range(300)]) == 300
    assert r.set("lock", "me", nx=True, px=100000) and r.set("lock", "you", nx=True) is None
    assert 0 < r.pttl("lock") <= 100000
    restored = r.restore("copy", 0, r.dump("A:user:1"))
    assert restored and r.hgetall("copy") == r.hgetall("A:user:1")
    assert r.copy("copy", "copy2") and r.unlink("copy", "copy2") == 2


def publish(r):
    subscriber = r.pubsub()
    subscriber.subscribe("updates")
    subscriber.psubscribe("up*")
    seen = []
    while len(seen) < 2:
        seen.append(subscriber.get_message(timeout=20)["type"])
    assert seen == ["subscribe", "psubscribe"], seen
    assert r.publish("updates", "hello") == 2
    got = [subscriber.get_message(timeout=20) for _ in range(2)]
    assert {m["type"] for m in got} == {"message", "pmessage"}, got
    assert {m["data"] for m in got} == {b"hello"}
    subscriber.close()


def server(r):
    assert r.info()["redis_version"] and r.info("replication")["role"] == "master"
    assert r.client_setname("test") and r.client_getname() in (b"test", "test")
    assert r.config_get("maxmemory") and r.dbsize() > 0 and r.ping() and r.echo("x") == b"x"
    assert r.command_count() > 50
    text = connect(decode_responses=True)
    assert text.hget("A:user:1", "city") == "Lyon" and text.client_list()
    assert connect(db=1, client_name="second").dbsize() == 0


def many_at_once(r):
    def add():
        mine = connect()
        for _ in range(200):
            mine.hincrby("counter", "n", 1)

    threads = [threading.Thread(target=add) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert r.hget("counter", "n") == b"1600"


r = connect()
r.flushall()
parts = [hashes, field_expiry, pipelines, transactions, keys, publish, server, many_at_once]
for part in parts:
    part(r)
print(f"ok redis-py {redis.__version__} RESP{protocol} {parser}: {len(parts)} parts")
