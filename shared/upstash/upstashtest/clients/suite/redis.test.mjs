// Exercises @upstash/redis, its oldest version that the documentation names and the
// current one, against an emulator whose address is in the environment.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as current from "@upstash/redis";
import * as old from "upstash-redis-1.28";

const { EMULATOR_URL: url, EMULATOR_TOKEN: token, EMULATOR_READ_ONLY_TOKEN: readOnlyToken, EMULATOR_BACKEND: backend } = process.env;
assert.ok(url && token && readOnlyToken && backend, "run it through go test, which starts the emulator");

const versions = [
  { version: "1.28.0", module: old, current: false },
  { version: "1.39.0", module: current, current: true },
];

for (const v of versions) {
  describe(`@upstash/redis ${v.version} over ${backend}`, () => {
    const connect = (options = {}) => new v.module.Redis({ url, token, retry: false, enableTelemetry: false, ...options });
    const redis = connect();
    const prefix = `ws:${v.version}:`;
    const k = (name) => prefix + name;

    before(async () => redis.flushdb());
    after(async () => redis.flushdb());

    test("strings", async () => {
      assert.equal(await redis.ping(), "PONG");
      assert.equal(await redis.echo("héllo wörld"), "héllo wörld");
      assert.equal(await redis.set(k("s"), "value"), "OK");
      assert.equal(await redis.get(k("s")), "value");
      assert.equal(await redis.set(k("s"), "other", { nx: true }), null);
      assert.equal(await redis.set(k("s"), "new", { get: true }), "value");
      assert.equal(await redis.append(k("s"), "!"), 4);
      assert.equal(await redis.strlen(k("s")), 4);
      assert.equal(await redis.getrange(k("s"), 0, 1), "ne");
      assert.equal(await redis.setrange(k("s"), 0, "N"), 4);
      assert.equal(await redis.getset(k("s"), "x"), "New!");
      assert.equal(await redis.getdel(k("s")), "x");
      assert.equal(await redis.get(k("s")), null);
      assert.equal(await redis.mset({ [k("a")]: 1, [k("b")]: "two" }), "OK");
      assert.deepEqual(await redis.mget(k("a"), k("b"), k("none")), [1, "two", null]);
      assert.equal(await redis.msetnx({ [k("a")]: 9, [k("c")]: 9 }), 0);
      assert.equal(await redis.setnx(k("a"), 5), 0);
      assert.equal(await redis.incr(k("a")), 2);
      assert.equal(await redis.incrby(k("a"), 5), 7);
      assert.equal(await redis.incrbyfloat(k("a"), 0.5), 7.5);
      assert.equal(await redis.set(k("n"), 10), "OK");
      assert.equal(await redis.decr(k("n")), 9);
      assert.equal(await redis.decrby(k("n"), 4), 5);
      assert.equal(await redis.getbit(k("n"), 2), 1);
      assert.equal(await redis.setbit(k("bits"), 7, 1), 0);
      assert.equal(await redis.bitcount(k("bits"), 0, -1), 1);
      assert.equal(await redis.bitpos(k("bits"), 1), 7);
      assert.equal(await redis.bitop("not", k("bits2"), k("bits")), 1);
    });

    test("values survive base64, also those that look like it", async () => {
      const values = ["OK", "PONG", "UE9ORw==", "", "日本語 🟢", "line\r\nbreak", "a".repeat(70_000), { deep: { list: [1, null, "x"] } }, [1, 2], 42, -1.5, true, null];
      for (const value of values) {
        await redis.set(k("v"), value);
        assert.deepEqual(await redis.get(k("v")), value);
      }
      const plain = connect({ responseEncoding: false });
      await plain.set(k("v"), "plain PONG");
      assert.equal(await plain.get(k("v")), "plain PONG");
    });

    test("keys and their expiry", async () => {
      await redis.set(k("e"), 1, { ex: 100 });
      const ttl = await redis.ttl(k("e"));
      assert.ok(ttl > 90 && ttl <= 100, `ttl ${ttl}`);
      assert.ok((await redis.pttl(k("e"))) > 90_000);
      assert.equal(await redis.persist(k("e")), 1);
      assert.equal(await redis.ttl(k("e")), -1);
      assert.equal(await redis.expire(k("e"), 50), 1);
      assert.equal(await redis.pexpire(k("e"), 50_000), 1);
      assert.equal(await redis.expireat(k("e"), Math.floor(Date.now() / 1000) + 60), 1);
      assert.equal(await redis.pexpireat(k("e"), Date.now() + 60_000), 1);
      assert.equal(await redis.setex(k("e2"), 10, "x"), "OK");
      assert.equal(await redis.psetex(k("e3"), 40, "x"), "OK");
      await until(async () => (await redis.exists(k("e3"))) === 0, "a key that expires after 40 ms is gone");
      assert.equal(await redis.type(k("e")), "string");
      assert.equal(await redis.exists(k("e"), k("none")), 1);
      assert.equal(await redis.rename(k("e"), k("f")), "OK");
      assert.equal(await redis.renamenx(k("f"), k("e2")), 0);
      assert.equal(await redis.touch(k("f")), 1);
      assert.equal(await redis.unlink(k("f")), 1);
      assert.equal(await redis.del(k("e2"), k("none")), 1);
      assert.ok(Array.isArray(await redis.keys(`${prefix}*`)));
      assert.ok(typeof (await redis.randomkey()) === "string");
      assert.ok((await redis.dbsize()) > 0);
      const time = await redis.time();
      assert.ok(Math.abs(time[0] - Date.now() / 1000) < 60, `time ${time}`);
    });

    test("hashes", async () => {
      assert.equal(await redis.hset(k("h"), { name: "Ada", age: 36, tags: ["x"] }), 3);
      assert.deepEqual(await redis.hgetall(k("h")), { name: "Ada", age: v.current ? 36 : "36", tags: ["x"] });
      assert.equal(await redis.hget(k("h"), "name"), "Ada");
      assert.equal(await redis.hsetnx(k("h"), "name", "Bob"), 0);
      assert.deepEqual(await redis.hmget(k("h"), "name", "none"), { name: "Ada", none: null });
      assert.equal(await redis.hmset(k("h"), { city: "London" }), "OK");
      assert.equal(await redis.hincrby(k("h"), "age", 1), 37);
      assert.equal(await redis.hincrbyfloat(k("h"), "age", 0.5), 37.5);
      assert.equal(await redis.hexists(k("h"), "age"), 1);
      assert.equal(await redis.hlen(k("h")), 4);
      assert.equal(await redis.hstrlen(k("h"), "name"), 3);
      assert.deepEqual((await redis.hkeys(k("h"))).sort(), ["age", "city", "name", "tags"]);
      assert.equal((await redis.hvals(k("h"))).length, 4);
      assert.ok(typeof (await redis.hrandfield(k("h"))) === "string");
      const [cursor, fields] = await redis.hscan(k("h"), 0);
      assert.equal(String(cursor), "0");
      assert.equal(fields.length, 8);
      assert.equal(await redis.hdel(k("h"), "age", "city"), 2);
      assert.equal(await redis.hgetall(k("none")), null);
    });

    test("lists, as queues", async () => {
      assert.equal(await redis.lpush(k("l"), "b", "a"), 2);
      assert.equal(await redis.rpush(k("l"), "c", { job: 1 }), 4);
      assert.deepEqual(await redis.lrange(k("l"), 0, -1), ["a", "b", "c", { job: 1 }]);
      assert.equal(await redis.llen(k("l")), 4);
      assert.equal(await redis.lindex(k("l"), 1), "b");
      assert.equal(await redis.linsert(k("l"), "before", "b", "ab"), 5);
      assert.equal(await redis.lset(k("l"), 0, "A"), "OK");
      assert.equal(await redis.lpos(k("l"), "c"), 3);
      assert.equal(await redis.lrem(k("l"), 1, "ab"), 1);
      assert.equal(await redis.lmove(k("l"), k("l2"), "left", "right"), "A");
      assert.equal(await redis.ltrim(k("l"), 0, 1), "OK");
      assert.equal(await redis.lpop(k("l")), "b");
      assert.equal(await redis.rpop(k("l")), "c");
      assert.equal(await redis.lpushx(k("none"), "x"), 0);
      assert.equal(await redis.rpushx(k("none"), "x"), 0);
    });

    test("sets", async () => {
      assert.equal(await redis.sadd(k("s1"), "a", "b", "c"), 3);
      assert.equal(await redis.sadd(k("s2"), "b", "c", "d"), 3);
      assert.equal(await redis.scard(k("s1")), 3);
      assert.equal(await redis.sismember(k("s1"), "a"), 1);
      assert.deepEqual(await redis.smismember(k("s1"), ["a", "z"]), [1, 0]);
      assert.deepEqual((await redis.smembers(k("s1"))).sort(), ["a", "b", "c"]);
      assert.deepEqual((await redis.sinter(k("s1"), k("s2"))).sort(), ["b", "c"]);
      assert.equal((await redis.sunion(k("s1"), k("s2"))).length, 4);
      assert.deepEqual(await redis.sdiff(k("s1"), k("s2")), ["a"]);
      assert.equal(await redis.sinterstore(k("s3"), k("s1"), k("s2")), 2);
      assert.equal(await redis.sunionstore(k("s3"), k("s1"), k("s2")), 4);
      assert.equal(await redis.sdiffstore(k("s3"), k("s1"), k("s2")), 1);
      assert.equal(await redis.smove(k("s1"), k("s2"), "a"), 1);
      assert.ok(["b", "c"].includes(await redis.srandmember(k("s1"))));
      const [cursor, members] = await redis.sscan(k("s2"), 0);
      assert.equal(String(cursor), "0");
      assert.equal(members.length, 4);
      assert.equal(await redis.srem(k("s2"), "a"), 1);
      assert.ok(typeof (await redis.spop(k("s2"))) === "string");
    });

    test("sorted sets", async () => {
      assert.equal(await redis.zadd(k("z"), { score: 1, member: "a" }, { score: 2, member: "b" }, { score: 3, member: "c" }), 3);
      assert.deepEqual(await redis.zrange(k("z"), 0, -1), ["a", "b", "c"]);
      assert.deepEqual(await redis.zrange(k("z"), 0, 0, { withScores: true }), ["a", 1]);
      assert.deepEqual(await redis.zrange(k("z"), 2, 3, { byScore: true }), ["b", "c"]);
      assert.equal(await redis.zcard(k("z")), 3);
      assert.equal(await redis.zcount(k("z"), 2, 3), 2);
      assert.equal(await redis.zincrby(k("z"), 5, "a"), 6);
      assert.equal(await redis.zscore(k("z"), "a"), 6);
      assert.equal(await redis.zrank(k("z"), "a"), 2);
      assert.equal(await redis.zrevrank(k("z"), "a"), 0);
      assert.equal(await redis.zlexcount(k("z"), "-", "+"), 3);
      assert.equal(await redis.zunionstore(k("z2"), 1, [k("z")]), 3);
      assert.equal(await redis.zinterstore(k("z3"), 2, [k("z"), k("z2")]), 3);
      assert.equal((await redis.zunion(2, [k("z"), k("z2")])).length, 3);
      const [cursor, members] = await redis.zscan(k("z"), 0);
      assert.equal(String(cursor), "0");
      assert.equal(members.length, 6);
      assert.deepEqual(await redis.zpopmax(k("z")), ["a", 6]);
      assert.deepEqual(await redis.zpopmin(k("z")), ["b", 2]);
      assert.equal(await redis.zrem(k("z"), "c"), 1);
      assert.equal(await redis.zremrangebyrank(k("z2"), 0, 0), 1);
      assert.equal(await redis.zremrangebyscore(k("z2"), 0, 3), 1);
      assert.equal(await redis.zremrangebylex(k("z2"), "-", "+"), 1);
    });

    test("scan, with a cursor that means nothing to the client", async () => {
      const wanted = new Set();
      for (let i = 0; i < 250; i++) {
        wanted.add(k(`scan:${i}`));
      }
      await redis.mset(Object.fromEntries([...wanted].map((key) => [key, 1])));
      const seen = new Set();
      let cursor = 0;
      let pages = 0;
      do {
        const [next, keys] = await redis.scan(cursor, { match: `${prefix}scan:*`, count: 20 });
        for (const key of keys) seen.add(key);
        cursor = next;
        pages++;
      } while (String(cursor) !== "0");
      assert.deepEqual([...seen].sort(), [...wanted].sort());
      // miniredis answers everything in one page.
      assert.ok(pages > 1 || backend === "miniredis", `${pages} pages`);
      if (v.current) {
        const [, typed] = await redis.scan(0, { match: `${prefix}scan:1`, count: 10_000, withType: true });
        assert.deepEqual(typed, [{ key: k("scan:1"), type: "string" }]);
      }
      await redis.del(...wanted);
    });

    test("pipelines keep results and errors apart", async () => {
      const p = redis.pipeline();
      p.set(k("p"), 1).incr(k("p")).get(k("p")).hgetall(k("none"));
      assert.deepEqual(await p.exec(), ["OK", 2, 2, null]);
      const failing = redis.pipeline();
      failing.set(k("p"), "text").incr(k("p"));
      await assert.rejects(failing.exec(), /Command 2 \[ incr \] failed: (ERR|WRONGTYPE)/);
    });

    test("transactions", async () => {
      const tx = redis.multi();
      tx.set(k("tx"), 1);
      tx.incr(k("tx"));
      tx.mget(k("tx"), k("none"));
      assert.deepEqual(await tx.exec(), ["OK", 2, [2, null]]);
    });

    test("scripts", async () => {
      const script = "return {KEYS[1], ARGV[1], redis.call('SET', KEYS[1], ARGV[1])}";
      assert.deepEqual(await redis.eval(script, [k("lua")], ["v"]), [k("lua"), "v", "OK"]);
      const sha = await redis.scriptLoad("return ARGV[1]");
      assert.equal(await redis.evalsha(sha, [], ["again"]), "again");
      assert.deepEqual(await redis.scriptExists(sha, "0".repeat(40)), [1, 0]);
      assert.equal(await redis.createScript("return 7").exec([], []), 7);
      const flagged = redis.createScript(`#!lua flags=allow-key-locking\nreturn redis.call('GET', KEYS[1])`);
      assert.equal(await flagged.exec([k("lua")], []), "v");
      assert.equal(await flagged.evalsha([k("lua")], []), "v");
      await assert.rejects(redis.evalsha("f".repeat(40), [], []), /NOSCRIPT/);
      assert.equal(await redis.scriptFlush(), "OK");
    });

    test("streams with a consumer group", async () => {
      const id = await redis.xadd(k("x"), "*", { job: "first", n: 1 });
      assert.match(id, /^\d+-\d+$/);
      const second = await redis.xadd(k("x"), "*", { job: "second" });
      assert.deepEqual(await redis.xrange(k("x"), "-", "+", 1), { [id]: { job: "first", n: 1 } });
      assert.deepEqual(Object.keys(await redis.xrevrange(k("x"), "+", "-", 1)), [second]);
      if (redis.xlen) assert.equal(await redis.xlen(k("x")), 2);
      assert.equal(await redis.xgroup(k("x"), { type: "CREATE", group: "g", id: "0" }), "OK");
      const read = await redis.xreadgroup("g", "c1", k("x"), ">", { count: 10 });
      assert.equal(read[0][0], k("x"));
      assert.equal(read[0][1].length, 2);
      assert.equal(await redis.xack(k("x"), "g", id), 1);
      const pending = await redis.xpending(k("x"), "g", "-", "+", 10);
      assert.equal(pending.length, 1);
      await redis.xclaim(k("x"), "g", "c2", 0, second);
      await redis.xautoclaim(k("x"), "g", "c3", 0, "0-0");
      assert.equal((await redis.xinfo(k("x"), { type: "GROUPS" })).length, 1);
      assert.equal((await redis.xread(k("x"), "0-0"))[0][1].length, 2);
      assert.equal(await redis.xdel(k("x"), id), 1);
      assert.equal(await redis.xtrim(k("x"), { strategy: "MAXLEN", exactness: "=", threshold: 0 }), 1);
    });

    test("places and cardinalities", async () => {
      assert.equal(await redis.pfadd(k("hll"), "a", "b"), 1);
      assert.equal(await redis.pfcount(k("hll")), 2);
      assert.equal(await redis.pfmerge(k("hll2"), k("hll")), "OK");
      if (!v.current) return; // the old version has no commands for places
      assert.equal(await redis.geoadd(k("geo"), { longitude: 13.361389, latitude: 38.115556, member: "Palermo" }, { longitude: 15.087269, latitude: 37.502669, member: "Catania" }), 2);
      assert.ok(Math.abs((await redis.geodist(k("geo"), "Palermo", "Catania", "KM")) - 166) < 1);
      assert.equal((await redis.geopos(k("geo"), "Palermo")).length, 1);
    });

    test("errors carry Upstash's words", async () => {
      const wrong = connect({ token: "wrong" });
      await assert.rejects(wrong.ping(), /WRONGPASS invalid or missing auth token/);
      const reader = connect({ token: readOnlyToken });
      assert.equal(await reader.ping(), "PONG");
      assert.equal(await reader.get(k("none")), null);
      await assert.rejects(reader.set(k("ro"), 1), /NOPERM this user has no permissions to run the 'set' command/);
      await assert.rejects(reader.scan(0), /NOPERM/);
      await redis.set(k("text"), "text");
      await assert.rejects(redis.incr(k("text")), /ERR value is not an integer/);
      await assert.rejects(redis.hget(k("text"), "f"), /WRONGTYPE/);
    });

    test("automatic pipelines", { skip: !v.current && "not in this version" }, async () => {
      const answers = await Promise.all([redis.set(k("ap"), 1), redis.incr(k("ap")), redis.get(k("s1:none")), redis.hset(k("aph"), { a: 1 }), redis.dbsize()]);
      assert.equal(answers[0], "OK");
      assert.equal(answers[3], 1);
      const [good, bad] = await Promise.allSettled([redis.get(k("ap")), redis.incr(k("aph"))]);
      assert.equal(good.status, "fulfilled");
      assert.equal(bad.status, "rejected");
      const off = connect({ enableAutoPipelining: false });
      assert.equal(await off.ping(), "PONG");
    });

    test("read your writes", { skip: !v.current && "not in this version" }, async () => {
      const consistent = connect({ readYourWrites: true });
      await consistent.set(k("ryw"), "mine");
      assert.equal(await consistent.get(k("ryw")), "mine");
    });

    test("any command by its name", { skip: !v.current && "not in this version" }, async () => {
      assert.equal(await redis.exec(["SET", k("exec"), "1"]), "OK");
      assert.match(await redis.exec(["INFO"]), /upstash_version:/);
      await assert.rejects(redis.exec(["SLOWLOG", "GET"]), /ERR Command is not available: 'SLOWLOG'/);
    });

    test("messages to channels and patterns", { skip: !v.current && "not in this version" }, async () => {
      const chat = redis.subscribe(k("chat"));
      const all = redis.psubscribe(`${prefix}*`);
      const got = [];
      chat.on("message", (m) => got.push(m));
      all.on("pmessage", (m) => got.push(m));
      await Promise.all([once(chat, "subscribe"), once(all, "psubscribe")]);
      assert.equal(await redis.publish(k("chat"), { text: "héllo, with a comma" }), 2);
      await until(async () => got.length === 2, "both subscribers have the message");
      for (const m of got) assert.deepEqual(m.message, { text: "héllo, with a comma" });
      await chat.unsubscribe();
      await all.unsubscribe();
    });
  });
}

const once = (subscriber, event) => new Promise((resolve, reject) => {
  subscriber.on(event, resolve);
  subscriber.on("error", reject);
});

// until waits for something that another process does, for two seconds at most.
async function until(condition, what) {
  for (const deadline = Date.now() + 2000; Date.now() < deadline; await new Promise((r) => setTimeout(r, 10))) {
    if (await condition()) return;
  }
  assert.fail(`waited two seconds in vain: ${what}`);
}
