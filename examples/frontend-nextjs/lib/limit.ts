// A limit for each client: so many requests in so many seconds, counted in Redis and
// therefore for all instances together. In mock mode each instance counts by itself.
import { redis } from "./redis-client";

/** limited returns the answer to a request over the limit. */
export async function limited(request: Request, name: string, requests = 20, seconds = 10) {
  // Vercel overwrites this header, so that no client chooses its own. Elsewhere, have the proxy do so.
  const client = request.headers.get("x-forwarded-for")?.split(",")[0].trim() ?? "unknown";
  const now = Date.now() / 1000;
  const window = Math.floor(now / seconds);
  const count = await redis().count(`ws:demo:limit:${name}:${client}:${window}`, seconds);
  if (count <= requests) return undefined;
  const wait = Math.ceil((window + 1) * seconds - now);
  return Response.json({ error: `more than ${requests} requests in ${seconds} s` }, { status: 429, headers: { "Retry-After": String(wait) } });
}
