// Reports mock mode without being asked: by a log line that a log drain or a sink finds,
// and by a signed event. No process of Vercel outlives its requests, so that a request
// tells, after it was answered: of each change, and every five minutes in mock mode.
import { randomUUID } from "node:crypto";
import { after } from "next/server";
import { Webhook } from "standardwebhooks";
import { redis, type State } from "./redis-client";

const every = 5 * 60 * 1000;
const kept = globalThis as { announced?: { mode?: State["mode"]; at: number } };

/** announce is called by each route that has used Redis. */
export function announce() {
  const { state } = redis();
  const last = (kept.announced ??= { at: 0 });
  if (last.mode === state.mode && (state.mode === "connected" || Date.now() - last.at < every)) return;
  kept.announced = { mode: state.mode, at: Date.now() };
  after(async () => {
    log(state);
    await send(state).catch((error: Error) =>
      // Not the words that a sink looks for; the next event is five minutes away.
      console.log(JSON.stringify({ severity: "WARNING", message: `event not sent: ${error.message}` })),
    );
  });
}

const source = () => ({
  service: process.env.PONGWATCH_SERVICE ?? "frontend",
  revision: process.env.VERCEL_DEPLOYMENT_ID,
});

function log(state: State) {
  const line =
    state.mode === "mock"
      ? { severity: "ERROR", message: `MOCK MODE ACTIVE: ${state.reason}`, event: "redis_mock_mode_activated" }
      : { severity: "NOTICE", message: "Redis is connected", event: "redis_mock_mode_deactivated" };
  console.log(JSON.stringify({ ...line, ...source(), reason: state.reason, since: state.since }));
}

async function send(state: State) {
  const { PONGWATCH_EVENTS_URL: url, PONGWATCH_EVENT_KEY: key } = process.env;
  if (!url || !key) return;
  const id = randomUUID();
  const at = new Date();
  const body = JSON.stringify({
    type: state.mode === "mock" ? "mock_mode.activated" : "mock_mode.deactivated",
    timestamp: at,
    data: { ...source(), reason: state.reason, message: `${state.mode} since ${state.since.toISOString()}` },
  });
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "Webhook-Id": id,
      "Webhook-Timestamp": String(Math.floor(at.getTime() / 1000)),
      "Webhook-Signature": new Webhook(key).sign(id, at, body),
    },
    body,
    signal: AbortSignal.timeout(5000),
  });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
}
