// What production refuses is refused here, in production's words: a test that is green over
// the emulator and fails at Upstash is the worst fault of a stand-in.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as current from "@upstash/redis";
import * as old from "upstash-redis-1.28";

const { EMULATOR_URL: url, EMULATOR_TOKEN: token } = process.env;
const tooBig = /ERR max request size exceeded\. Limit: 10485760 bytes, Actual: \d+ bytes/;

for (const [version, module] of [["1.28.0", old], ["1.39.0", current]]) {
  describe(`refusals through @upstash/redis ${version}`, () => {
    const redis = new module.Redis({ url, token, retry: false, enableTelemetry: false, enableAutoPipelining: false });
    const k = (name) => `ws:${version}:refused:${name}`;

    test("null arguments", async () => {
      await assert.rejects(redis.zadd(k("z"), { score: NaN, member: "m" }), /ERR null args are not supported/);
      await assert.rejects(redis.set(k("u"), undefined), /ERR null args are not supported/);
    });

    test("nested arguments", async () => {
      const nested = async (args) => (await fetch(url, { method: "POST", headers: { authorization: `bearer ${token}` }, body: JSON.stringify(args) })).json();
      assert.deepEqual(await nested(["SET", k("a"), ["x"]]), { error: 'ERR unsupported arg type: "[": json.Delim' });
      assert.deepEqual(await nested(["SET", k("a"), { b: 1 }]), { error: 'ERR unsupported arg type: "{": json.Delim' });
      assert.deepEqual(await nested([["SET", k("a"), "x"]]), { error: 'ERR unsupported arg type: "[": json.Delim' });
      // The clients send objects as their JSON text.
      assert.equal(await redis.set(k("o"), { b: [1] }), "OK");
      assert.deepEqual(await redis.get(k("o")), { b: [1] });
    });

    test("oversized requests and replies", async () => {
      await assert.rejects(redis.set(k("big"), "x".repeat(11 << 20)), tooBig);
      const half = "x".repeat(6 << 20);
      assert.equal(await redis.set(k("h1"), half), "OK");
      assert.equal(await redis.set(k("h2"), half), "OK");
      await assert.rejects(redis.mget(k("h1"), k("h2")), tooBig);
      await redis.del(k("h1"), k("h2"));
    });

    test("a TTL has all its seconds", async () => {
      await redis.set(k("t"), 1, { ex: 100 });
      assert.equal(await redis.ttl(k("t")), 100);
    });

    test("a small keyspace has one page", async () => {
      const keys = Array.from({ length: 20 }, (_, i) => k(`scan:${i}`));
      await Promise.all(keys.map((key) => redis.set(key, 1)));
      const [cursor, found] = await redis.scan(0, { match: k("scan:*"), count: 10 });
      assert.equal(Number(cursor), 0);
      assert.deepEqual([...found].sort(), [...keys].sort());
      await redis.del(...keys);
    });
  });
}
