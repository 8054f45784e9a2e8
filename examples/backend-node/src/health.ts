// GET says how the app runs; POST proves it: on a request that pongwatch has signed, the
// app writes a nonce to whatever it uses as Redis, and repeats it. pongwatch then looks
// for it in the real one. Another such request tests the limiter. The contracts are
// docs/mock-mode.md and docs/limiter.md of pongwatch.
import express, { type Request, type Response } from "express";
import { Webhook } from "standardwebhooks";
import { testLimiter } from "./limit.ts";
import type { RedisClient } from "./redis-client.ts";

export function health(redis: RedisClient, proofKey?: string) {
  const router = express.Router();

  router.get("/", async (_req: Request, res: Response) => {
    await redis.ping(); // a mode that was not tried lately may be wrong by now
    res.set("Cache-Control", "no-store").json(answer(redis));
  });

  router.post("/", express.text({ type: "*/*", limit: "4kb" }), async (req: Request, res: Response) => {
    const { type, nonce } = (proofKey && verified(proofKey, req)) || {};
    if (!nonce) {
      res.status(401).json({ error: "want a signed request" }); // and write nothing
      return;
    }
    let limiter;
    if (type === "limiter.proof") limiter = await testLimiter(redis, nonce);
    else await redis.set(`ws:_pongwatch:proof:${nonce}`, nonce, 60);
    res.set("Cache-Control", "no-store").json({ ...answer(redis), proof: nonce, limiter });
  });

  return router;
}

function answer({ state }: RedisClient) {
  // Without Redis the limiter counts in memory, so that it is never open.
  return { status: state.mode, reason: state.reason || undefined, since: state.since, limiter_open: false };
}

function verified(key: string, req: Request): { type: string; nonce: string } | undefined {
  try {
    const message = new Webhook(key).verify(req.body, req.headers as Record<string, string>) as {
      type?: string;
      data?: { nonce?: string };
    };
    const { type = "", data: { nonce = "" } = {} } = message;
    return /^(mock_mode|limiter)\.proof$/.test(type) && /^[A-Za-z0-9]{16,64}$/.test(nonce) ? { type, nonce } : undefined;
  } catch {
    return undefined;
  }
}
