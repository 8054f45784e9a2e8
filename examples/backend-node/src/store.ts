// What the app needs of Redis, once in Upstash and once in this process's memory.
import { Redis } from "@upstash/redis";

export interface Store {
  get(key: string): Promise<string | null>;
  set(key: string, value: string, seconds: number): Promise<void>;
  /** count adds one to a counter that ends after so many seconds, and returns it. */
  count(key: string, seconds: number): Promise<number>;
  ping(): Promise<void>;
}

export function upstash(url: string, token: string): Store {
  const redis = new Redis({
    url,
    token,
    automaticDeserialization: false, // a string that looks like JSON stays a string
    enableTelemetry: false,
    retry: { retries: 1, backoff: () => 100 }, // the default stalls a request for seconds
    signal: () => AbortSignal.timeout(2000), // the default waits for ever
  });
  return {
    get: (key) => redis.get<string>(key),
    set: async (key, value, seconds) => void (await redis.set(key, value, { ex: seconds })),
    count: async (key, seconds) => {
      // In one transaction, so that no counter is left without an end.
      const [count] = await redis.multi().incr(key).expire(key, seconds, "NX").exec<[number, number]>();
      return count;
    },
    ping: async () => void (await redis.ping()),
  };
}

// memory forgets the oldest keys rather than to take all of the process's memory.
export function memory(limit = 10_000): Store {
  const values = new Map<string, { value: string; until: number }>();
  const live = (key: string) => {
    const kept = values.get(key);
    return kept && kept.until > Date.now() ? kept : undefined;
  };
  const put = (key: string, value: string, until: number) => {
    values.delete(key);
    values.set(key, { value, until });
    if (values.size > limit) values.delete(values.keys().next().value!);
  };
  return {
    get: async (key) => live(key)?.value ?? null,
    set: async (key, value, seconds) => put(key, value, Date.now() + seconds * 1000),
    count: async (key, seconds) => {
      const kept = live(key);
      const count = Number(kept?.value ?? 0) + 1;
      put(key, String(count), kept?.until ?? Date.now() + seconds * 1000);
      return count;
    },
    ping: async () => {},
  };
}
