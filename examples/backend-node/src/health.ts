// GET says how the app runs; POST proves it: on a request that pongwatch has signed, the
// app writes a nonce to whatever it uses as Redis, and repeats it. pongwatch then looks
// for it in the real one. The contract is docs/mock-mode.md of pongwatch.
import express, { type Request, type Response } from "express";
import { Webhook } from "standardwebhooks";
import type { RedisClient } from "./redis-client.ts";

export function health(redis: RedisClient, proofKey?: string) {
  const router = express.Router();

  router.get("/", async (_req: Request, res: Response) => {
    await redis.ping(); // a mode that was not tried lately may be wrong by now
    res.set("Cache-Control", "no-store").json(answer(redis));
  });

  router.post("/", express.text({ type: "*/*", limit: "4kb" }), async (req: Request, res: Response) => {
    const nonce = proofKey && verifiedNonce(proofKey, req);
    if (!nonce) {
      res.status(401).json({ error: "want a signed request" }); // and write nothing
      return;
    }
    await redis.set(`ws:_pongwatch:proof:${nonce}`, nonce, 60);
    res.set("Cache-Control", "no-store").json({ ...answer(redis), proof: nonce });
  });

  return router;
}

function answer({ state }: RedisClient) {
  return { status: state.mode, reason: state.reason || undefined, since: state.since };
}

function verifiedNonce(key: string, req: Request): string | undefined {
  try {
    const message = new Webhook(key).verify(req.body, req.headers as Record<string, string>) as {
      type?: string;
      data?: { nonce?: string };
    };
    const nonce = message.type === "mock_mode.proof" ? message.data?.nonce : undefined;
    return nonce && /^[A-Za-z0-9]{16,64}$/.test(nonce) ? nonce : undefined;
  } catch {
    return undefined;
  }
}
