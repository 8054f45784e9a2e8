// So many requests of a client in so many seconds, counted in Redis and therefore for all
// instances together. Without Redis each instance counts by itself: the limit is looser
// then, but it holds.
import type { Store } from "./store.ts";

const seconds = 10;

export async function allow(redis: Store, client: string, requests = 20): Promise<boolean> {
  const window = Math.floor(Date.now() / 1000 / seconds);
  return (await redis.count(`ws:demo:limit:${client}:${window}`, seconds)) <= requests;
}

/** testLimiter hits the limiter as docs/limiter.md of pongwatch asks: three times, with a limit of one. */
export async function testLimiter(redis: Store, nonce: string) {
  const hits = await Promise.all([1, 2, 3].map(() => allow(redis, `_pongwatch:${nonce}`, 1)));
  return { limit: 1, window: seconds, allowed: hits.filter(Boolean).length };
}
