// GET says how the app runs; POST proves it: on a request that pongwatch has signed, the
// app writes a nonce to whatever it uses as Redis, and repeats it. pongwatch then looks
// for it in the real one. Another such request tests the limiter. The contracts are
// docs/mock-mode.md and docs/limiter.md of pongwatch.
import { Webhook } from "standardwebhooks";
import { announce } from "@/lib/announce";
import { testLimiter } from "@/lib/limit";
import { redis } from "@/lib/redis-client";

export const dynamic = "force-dynamic";

export async function GET() {
  await redis().ping(); // a mode that was not tried lately may be wrong by now
  announce();
  return answer();
}

export async function POST(request: Request) {
  const { type, nonce } = (await verified(request)) ?? {};
  // An unsigned request writes nothing.
  if (!nonce) return Response.json({ error: "want a signed request" }, { status: 401 });
  let limiter;
  if (type === "limiter.proof") limiter = await testLimiter(nonce);
  else await redis().set(`ws:_pongwatch:proof:${nonce}`, nonce, 60);
  announce();
  return answer({ proof: nonce, limiter });
}

function answer(more: { proof?: string; limiter?: object } = {}) {
  const { mode, reason, since } = redis().state;
  // Without Redis the limiter counts in memory, so that it is never open.
  return Response.json({ status: mode, reason: reason || undefined, since, limiter_open: false, ...more }, { headers: { "Cache-Control": "no-store" } });
}

async function verified(request: Request): Promise<{ type: string; nonce: string } | undefined> {
  const key = process.env.PONGWATCH_PROOF_KEY;
  if (!key || Number(request.headers.get("content-length")) > 4096) return undefined;
  try {
    const message = new Webhook(key).verify(await request.text(), Object.fromEntries(request.headers)) as {
      type?: string;
      data?: { nonce?: string };
    };
    const { type = "", data: { nonce = "" } = {} } = message;
    return /^(mock_mode|limiter)\.proof$/.test(type) && /^[A-Za-z0-9]{16,64}$/.test(nonce) ? { type, nonce } : undefined;
  } catch {
    return undefined;
  }
}
