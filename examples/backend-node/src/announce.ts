// Reports mock mode without being asked: by a log line that a Cloud Logging sink finds,
// and by a signed event, every five minutes for as long as it lasts.
import { randomUUID } from "node:crypto";
import { Webhook } from "standardwebhooks";
import type { RedisClient, State } from "./redis-client.ts";

export interface Options {
  service: string;
  revision?: string;
  /** AlertWebhook's address with /events, and the key; without them only the log tells. */
  eventsUrl?: string;
  eventKey?: string;
}

const every = 5 * 60 * 1000;

export function announce(redis: RedisClient, options: Options) {
  const tell = (state: State) => {
    const active = state.mode === "mock";
    log(state, options.service);
    send(active ? "mock_mode.activated" : "mock_mode.deactivated", state, options).catch((error: Error) =>
      // Not the words that the sink looks for; the next event is five minutes away.
      console.log(JSON.stringify({ severity: "WARNING", message: `event not sent: ${error.message}` })),
    );
  };
  redis.onChange(tell);
  setInterval(() => redis.state.mode === "mock" && tell(redis.state), every).unref();
}

function log(state: State, service: string) {
  const line =
    state.mode === "mock"
      ? { severity: "ERROR", message: `MOCK MODE ACTIVE: ${state.reason}`, event: "redis_mock_mode_activated" }
      : { severity: "NOTICE", message: "Redis is connected", event: "redis_mock_mode_deactivated" };
  console.log(JSON.stringify({ ...line, service, reason: state.reason, since: state.since }));
}

async function send(type: string, state: State, { service, revision, eventsUrl, eventKey }: Options) {
  if (!eventsUrl || !eventKey) return;
  const id = randomUUID();
  const at = new Date();
  const body = JSON.stringify({
    type,
    timestamp: at,
    data: { service, revision, reason: state.reason, message: `${state.mode} since ${state.since.toISOString()}` },
  });
  const response = await fetch(eventsUrl, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "Webhook-Id": id,
      "Webhook-Timestamp": String(Math.floor(at.getTime() / 1000)),
      "Webhook-Signature": new Webhook(eventKey).sign(id, at, body),
    },
    body,
    signal: AbortSignal.timeout(5000),
  });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
}
