import express from "express";
import { announce } from "./announce.ts";
import { health } from "./health.ts";
import { allow } from "./limit.ts";
import { RedisClient } from "./redis-client.ts";

const env = process.env;
const redis = RedisClient.shared();
await redis.ping(); // so that what is announced first is true
announce(redis, {
  service: env.K_SERVICE ?? "backend",
  revision: env.K_REVISION,
  eventsUrl: env.PONGWATCH_EVENTS_URL,
  eventKey: env.PONGWATCH_EVENT_KEY,
});

const app = express();
app.use("/api/v1/health/redis", health(redis, env.PONGWATCH_PROOF_KEY));

// What the app is for: here, one value of one workspace.
app.get("/api/v1/greeting", async (req, res) => {
  if (!(await allow(redis, req.ip ?? "unknown"))) {
    res.status(429).json({ error: "too many requests" });
    return;
  }
  const key = "ws:demo:greeting";
  const cached = await redis.get(key);
  if (cached === null) await redis.set(key, "hello", 300);
  res.set("X-Cache", cached === null ? "MISS" : "HIT").json({ greeting: cached ?? "hello" });
});

const server = app.listen(Number(env.PORT ?? 3000), env.HOST ?? "0.0.0.0", () => {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : address;
  console.log(JSON.stringify({ severity: "INFO", message: "listening", port }));
});
process.on("SIGTERM", () => server.close());
