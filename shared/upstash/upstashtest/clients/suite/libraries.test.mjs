// Exercises Upstash's own libraries above the client: locks, queues and secondary indexes.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Lock } from "@upstash/lock";
import { Query } from "@upstash/query";
import { Queue } from "@upstash/queue";
import { Redis } from "@upstash/redis";

const { EMULATOR_URL: url, EMULATOR_TOKEN: token, EMULATOR_BACKEND: backend } = process.env;
const redis = new Redis({ url, token, retry: false, enableTelemetry: false });

describe(`Upstash's libraries over ${backend}`, () => {
  before(async () => redis.flushdb());

  test("a lock excludes a second holder until it is released", async () => {
    const options = { id: "lock", lease: 10_000, redis, retry: { attempts: 1, delay: 1 } };
    const [first, second] = [new Lock(options), new Lock(options)];
    assert.equal(await first.acquire(), true);
    assert.equal(await second.acquire(), false);
    assert.equal(await first.extend(5_000), true);
    assert.equal(await second.release(), false);
    assert.equal(await first.release(), true);
    assert.equal(await second.acquire(), true);
    await second.release();
  });

  test("a queue delivers in order", async () => {
    const queue = new Queue({ redis, queueName: "jobs" });
    for (const n of [1, 2]) await queue.sendMessage({ n });
    assert.deepEqual((await queue.receiveMessage())?.body, { n: 1 });
    assert.deepEqual((await queue.receiveMessage())?.body, { n: 2 });
  });

  test("an index finds what was stored", async () => {
    const query = new Query({ redis: new Redis({ url, token, retry: false, enableTelemetry: false, automaticDeserialization: false }) });
    const users = query.createCollection("users");
    const byName = users.createIndex({ name: "by_name", terms: ["name"] });
    await users.set("1", { name: "Ada" });
    await users.set("2", { name: "Grace" });
    const found = await byName.match({ name: "Ada" });
    assert.deepEqual(found.map((f) => f.data), [{ name: "Ada" }]);
  });
});
