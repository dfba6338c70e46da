// ioredis and node-redis against a server: `node_clients.mjs PORT`, with both in NODE_MODULES.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const port = Number(process.argv[2]);
const require = createRequire(path.join(process.env.NODE_MODULES, "index.js"));
const Redis = require("ioredis").Redis;
const { createClient } = require("redis");

async function ioredis() {
  const r = new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: 1 });
  await r.flushall();
  assert.equal(await r.hset("u:1", { age: 42, city: "Lyon" }), 2);
  assert.deepEqual(await r.hmget("u:1", "age", "none", "city"), ["42", null, "Lyon"]);
  assert.deepEqual(await r.hgetall("u:1"), { age: "42", city: "Lyon" });
  const bytes = Buffer.from([0, 13, 10, 255]);
  await r.hset("u:1", bytes, bytes);
  assert.deepEqual(await r.hgetBuffer("u:1", bytes), bytes);
  const pipeline = r.pipeline();
  for (let i = 0; i < 500; i++) pipeline.hset(`p:${i}`, "f", i).hget(`p:${i}`, "f");
  const replies = await pipeline.exec();
  assert.deepEqual(replies[999], [null, "499"]);
  const multi = await r.multi().incr("n").incr("n").hget("n", "f").exec();
  assert.deepEqual(multi.slice(0, 2), [[null, 1], [null, 2]]);
  assert.match(multi[2][0].message, /^WRONGTYPE/);
  assert.deepEqual(await r.call("HEXPIRE", "u:1", 1000, "FIELDS", 2, "age", "none"), [1, -2]);
  let found = 0;
  for await (const keys of r.scanStream({ match: "p:*", count: 50 })) found += keys.length;
  assert.equal(found, 500);
  const subscriber = r.duplicate();
  await subscriber.subscribe("news");
  const message = new Promise((resolve) => subscriber.once("message", (_, m) => resolve(m)));
  assert.equal(await r.publish("news", "hello"), 1);
  assert.equal(await message, "hello");
  await subscriber.quit();
  await r.quit();
}

async function nodeRedis(RESP) {
  const r = createClient({ socket: { host: "127.0.0.1", port }, RESP, name: "test" });
  r.on("error", (e) => { throw e; });
  await r.connect();
  await r.flushAll();
  assert.equal(await r.hSet("u:1", { age: "42", city: "Lyon" }), 2);
  assert.deepEqual(await r.hmGet("u:1", ["age", "none"]), ["42", null]);
  assert.deepEqual({ ...(await r.hGetAll("u:1")) }, { age: "42", city: "Lyon" });
  assert.deepEqual(await r.hExpire("u:1", ["age", "none"], 1000), [1, -2]);
  assert.ok((await r.hTTL("u:1", ["age"]))[0] > 0);
  assert.deepEqual(await r.multi().set("n", "1").incr("n").get("n").exec(), ["OK", 2, "2"]);
  const many = await Promise.all(Array.from({ length: 500 }, (_, i) => r.hIncrBy("c", "n", 1)));
  assert.equal(Math.max(...many), 500);
  await r.mSet(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`s:${i}`, `${i}`])));
  const found = new Set();
  for await (const keys of r.scanIterator({ MATCH: "s:*", COUNT: 10 })) {
    for (const key of [keys].flat()) found.add(key);
  }
  assert.equal(found.size, 100);
  const subscriber = r.duplicate();
  subscriber.on("error", (e) => { throw e; });
  await subscriber.connect();
  const message = new Promise((resolve) => subscriber.subscribe("news", resolve).then(() => {
    r.publish("news", "hello");
  }));
  assert.equal(await message, "hello");
  await subscriber.close();
  await r.close();
}

await ioredis();
await nodeRedis(2);
await nodeRedis(3);
console.log("ok ioredis, node-redis RESP2 and RESP3");
process.exit(0);
