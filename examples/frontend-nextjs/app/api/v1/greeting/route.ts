// What the app is for: here, one cached value of one workspace, limited for each client.
import { announce } from "@/lib/announce";
import { limited } from "@/lib/limit";
import { redis } from "@/lib/redis-client";

export async function GET(request: Request) {
  const refusal = await limited(request, "greeting");
  if (refusal) return refusal;
  const key = "ws:demo:greeting";
  const cached = await redis().get(key);
  const answer = cached ?? JSON.stringify({ greeting: "hello" });
  if (cached === null) await redis().set(key, answer, 300);
  announce();
  return new Response(answer, {
    headers: { "Content-Type": "application/json", "Cache-Control": "no-store", "X-Cache": cached === null ? "MISS" : "HIT" },
  });
}
