// GET says how the app runs; POST proves it: on a request that pongwatch has signed, the
// app writes a nonce to whatever it uses as Redis, and repeats it. pongwatch then looks
// for it in the real one. The contract is docs/mock-mode.md of pongwatch.
import { Webhook } from "standardwebhooks";
import { announce } from "@/lib/announce";
import { redis } from "@/lib/redis-client";

export const dynamic = "force-dynamic";

export async function GET() {
  await redis().ping(); // a mode that was not tried lately may be wrong by now
  announce();
  return answer();
}

export async function POST(request: Request) {
  const nonce = await verifiedNonce(request);
  // An unsigned request writes nothing.
  if (!nonce) return Response.json({ error: "want a signed request" }, { status: 401 });
  await redis().set(`ws:_pongwatch:proof:${nonce}`, nonce, 60);
  announce();
  return answer({ proof: nonce });
}

function answer(more: { proof?: string } = {}) {
  const { mode, reason, since } = redis().state;
  return Response.json({ status: mode, reason: reason || undefined, since, ...more }, { headers: { "Cache-Control": "no-store" } });
}

async function verifiedNonce(request: Request): Promise<string | undefined> {
  const key = process.env.PONGWATCH_PROOF_KEY;
  if (!key || Number(request.headers.get("content-length")) > 4096) return undefined;
  try {
    const message = new Webhook(key).verify(await request.text(), Object.fromEntries(request.headers)) as {
      type?: string;
      data?: { nonce?: string };
    };
    const nonce = message.type === "mock_mode.proof" ? message.data?.nonce : undefined;
    return nonce && /^[A-Za-z0-9]{16,64}$/.test(nonce) ? nonce : undefined;
  } catch {
    return undefined;
  }
}
