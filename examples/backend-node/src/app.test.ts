// What needs no Redis; pongwatch's own tests run the app against an emulator.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import express from "express";
import { Webhook } from "standardwebhooks";
import { health } from "./health.ts";
import { RedisClient } from "./redis-client.ts";
import { memory } from "./store.ts";

const key = "whsec_cHJvb2Yta2V5LW9mLXRoZS10ZXN0cy0zMi1ieXRlcyE=";
const nonce = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

async function ask(redis: RedisClient, init: RequestInit = {}) {
  const server = express().use("/health", health(redis, key)).listen(0, "127.0.0.1");
  try {
    await once(server, "listening");
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/health`, init);
    return { status: response.status, body: await response.json() };
  } finally {
    server.close();
  }
}

function signed(body: string, at = new Date()): RequestInit {
  const headers = {
    "Webhook-Id": nonce,
    "Webhook-Timestamp": String(Math.floor(at.getTime() / 1000)),
    "Webhook-Signature": new Webhook(key).sign(nonce, at, body),
  };
  return { method: "POST", body, headers };
}

const proof = JSON.stringify({ type: "mock_mode.proof", data: { nonce } });

test("without a URL, or when told to, the app is a mock and says why", async () => {
  assert.equal(new RedisClient({}).state.reason, "url_missing");
  const told = new RedisClient({ MOCK_REDIS: "true", UPSTASH_REDIS_URL: "https://x.upstash.io", UPSTASH_REDIS_TOKEN: "t" });
  const { status, body } = await ask(told);
  assert.deepEqual([status, body.status, body.reason], [200, "mock", "mock_flag"]);
});

test("a Redis that cannot be reached is replaced by memory, and the app serves on", async () => {
  const redis = new RedisClient({ UPSTASH_REDIS_URL: "http://127.0.0.1:9", UPSTASH_REDIS_TOKEN: "t" });
  const heard: string[] = [];
  redis.onChange((state) => heard.push(state.mode));
  await redis.set("ws:demo:a", "1", 60);
  assert.equal(await redis.get("ws:demo:a"), "1");
  assert.equal(redis.state.reason, "connect_failed");
  assert.deepEqual(heard, ["connected", "mock"]);
});

test("a signed request is proved to whatever the app uses as Redis", async () => {
  const redis = new RedisClient({ MOCK_REDIS: "1" });
  const { body } = await ask(redis, signed(proof));
  assert.deepEqual([body.status, body.proof], ["mock", nonce]);
  assert.equal(await redis.get(`ws:_pongwatch:proof:${nonce}`), nonce);
});

test("the limiter refuses what is above its limit, with and without Redis", async () => {
  const body = JSON.stringify({ type: "limiter.proof", data: { nonce } });
  for (const env of [{ MOCK_REDIS: "1" }, { UPSTASH_REDIS_URL: "http://127.0.0.1:9", UPSTASH_REDIS_TOKEN: "t" }]) {
    const answer = (await ask(new RedisClient(env), signed(body))).body;
    assert.equal(answer.proof, nonce);
    assert.equal(answer.limiter_open, false);
    const { limit, window, allowed } = answer.limiter;
    assert.deepEqual([limit, window], [1, 10]);
    assert.ok(allowed === 1 || allowed === 2, `${allowed} allowed`); // two where the window ended meanwhile
  }
});

test("a request that is unsigned, old, or no proof writes nothing", async () => {
  const redis = new RedisClient({ MOCK_REDIS: "1" });
  const longAgo = new Date(Date.now() - 10 * 60 * 1000);
  const odd = JSON.stringify({ type: "mock_mode.proof", data: { nonce: "a:b" } });
  for (const request of [{ method: "POST", body: proof }, signed(proof, longAgo), signed(odd), signed("{}"), signed("")]) {
    assert.equal((await ask(redis, request)).status, 401);
  }
  assert.equal(await redis.get(`ws:_pongwatch:proof:${nonce}`), null);
});

test("memory forgets what expired, and the oldest when there is too much", async () => {
  const store = memory(2);
  for (const key of ["a", "b", "c"]) await store.set(key, key, 60);
  await store.set("b", "gone", 0);
  assert.deepEqual(await Promise.all(["a", "b", "c"].map(store.get)), [null, null, "c"]);
});
