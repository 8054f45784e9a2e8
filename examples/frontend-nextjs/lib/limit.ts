// A limit for each client: so many requests in so many seconds, counted in Redis and
// therefore for all instances together. In mock mode each instance counts by itself.
import { redis } from "./redis-client";

async function count(name: string, client: string, seconds: number) {
  const now = Date.now() / 1000;
  const window = Math.floor(now / seconds);
  const requests = await redis().count(`ws:demo:limit:${name}:${client}:${window}`, seconds);
  return { requests, wait: Math.ceil((window + 1) * seconds - now) };
}

/** limited returns the answer to a request over the limit. */
export async function limited(request: Request, name: string, requests = 20, seconds = 10) {
  // Vercel overwrites this header, so that no client chooses its own. Elsewhere, have the proxy do so.
  const client = request.headers.get("x-forwarded-for")?.split(",")[0].trim() ?? "unknown";
  const counted = await count(name, client, seconds);
  if (counted.requests <= requests) return undefined;
  return Response.json({ error: `more than ${requests} requests in ${seconds} s` }, { status: 429, headers: { "Retry-After": String(counted.wait) } });
}

/** testLimiter hits the limiter as docs/limiter.md of pongwatch asks: three times, with a limit of one. */
export async function testLimiter(nonce: string, seconds = 10) {
  const hits = await Promise.all([1, 2, 3].map(() => count("test", `_pongwatch:${nonce}`, seconds)));
  return { limit: 1, window: seconds, allowed: hits.filter(({ requests }) => requests <= 1).length };
}
