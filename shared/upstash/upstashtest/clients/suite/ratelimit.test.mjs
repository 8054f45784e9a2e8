// Exercises @upstash/ratelimit, every algorithm, against an emulator whose address is
// in the environment.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis";

const { EMULATOR_URL: url, EMULATOR_TOKEN: token, EMULATOR_BACKEND: backend } = process.env;
assert.ok(url && token && backend, "run it through go test, which starts the emulator");

const redis = new Redis({ url, token, retry: false, enableTelemetry: false });

describe(`@upstash/ratelimit over ${backend}`, () => {
  before(async () => {
    await redis.flushdb();
    // Without it the library fetches its list of addresses from the internet.
    await redis.set("@upstash/ratelimit:ipDenyListStatus", "valid", { ex: 3600 });
  });

  const algorithms = {
    "a fixed window": Ratelimit.fixedWindow(3, "1 h"),
    "a sliding window": Ratelimit.slidingWindow(3, "1 h"),
    "a token bucket": Ratelimit.tokenBucket(3, "1 h", 3),
  };
  for (const [name, limiter] of Object.entries(algorithms)) {
    test(`${name} lets three of five through`, async () => {
      const limit = new Ratelimit({ redis, limiter, prefix: `@upstash/ratelimit:${name}`, ephemeralCache: false });
      const verdicts = [];
      for (let i = 0; i < 5; i++) {
        const { success, pending } = await limit.limit("user-1");
        await pending;
        verdicts.push(success);
      }
      assert.deepEqual(verdicts, [true, true, true, false, false]);
      assert.equal((await limit.getRemaining("user-1")).remaining, 0);
      assert.equal((await limit.limit("user-2")).success, true);
      await limit.resetUsedTokens("user-1");
      assert.equal((await limit.limit("user-1")).success, true);
    });
  }

  test("analytics and the deny list", async () => {
    const limit = new Ratelimit({ redis, limiter: Ratelimit.slidingWindow(10, "10 s"), analytics: true, enableProtection: true, ephemeralCache: false });
    await redis.sadd("@upstash/ratelimit:denyList:all", "intruder");
    const good = await limit.limit("user-1", { ip: "192.0.2.1" });
    await good.pending;
    assert.equal(good.success, true);
    const bad = await limit.limit("intruder");
    assert.equal(bad.success, false);
    assert.equal(bad.reason, "denyList");
    assert.ok((await redis.keys("@upstash/ratelimit:events:*")).length > 0, "analytics wrote events");
  });
});
