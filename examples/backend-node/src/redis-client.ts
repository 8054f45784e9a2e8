// RedisClient is the app's one way to Redis. When Redis cannot be used the app goes on in
// memory: mock mode. It keeps serving, never hides it, and returns when Redis answers again.
import { memory, upstash, type Store } from "./store.ts";

export interface State {
  mode: "connected" | "mock";
  reason: "" | "url_missing" | "mock_flag" | "auth_failed" | "connect_failed" | "redis_error";
  since: Date;
}
type Environment = Record<string, string | undefined>;

export class RedisClient implements Store {
  static #shared?: RedisClient;
  static shared(): RedisClient {
    return (this.#shared ??= new RedisClient(process.env));
  }

  state: State = { mode: "connected", reason: "", since: new Date() };
  #redis?: Store;
  #memory = memory();
  #retryAfter: number; // milliseconds in mock mode until Redis is tried again
  #retryAt = 0;
  #listeners: ((state: State) => void)[] = [];

  constructor(env: Environment) {
    // 0 stays in mock mode until the app is restarted.
    this.#retryAfter = Number(env.REDIS_RETRY_SECONDS ?? 30) * 1000 || Infinity;
    const { UPSTASH_REDIS_URL: url, UPSTASH_REDIS_TOKEN: token } = env;
    if (/^(1|true|yes|on)$/i.test(env.MOCK_REDIS ?? "")) this.#become("mock", "mock_flag");
    else if (!url || !token) this.#become("mock", "url_missing");
    else this.#redis = upstash(url, token);
  }

  get = (key: string) => this.#run((store) => store.get(key));
  set = (key: string, value: string, seconds: number) => this.#run((store) => store.set(key, value, seconds));
  count = (key: string, seconds: number) => this.#run((store) => store.count(key, seconds));
  ping = () => this.#run((store) => store.ping());

  /** onChange hears the state now and whenever it changes. */
  onChange(listener: (state: State) => void) {
    this.#listeners.push(listener);
    listener(this.state);
  }

  async #run<T>(command: (store: Store) => Promise<T>): Promise<T> {
    if (this.#redis && (this.state.mode === "connected" || Date.now() >= this.#retryAt)) {
      try {
        const result = await command(this.#redis);
        this.#become("connected", "");
        return result;
      } catch (error) {
        this.#retryAt = Date.now() + this.#retryAfter;
        this.#become("mock", reasonOf(error as Error));
      }
    }
    return command(this.#memory);
  }

  #become(mode: State["mode"], reason: State["reason"]) {
    if (this.state.mode === mode) return;
    this.state = { mode, reason, since: new Date() };
    for (const listener of this.#listeners) listener(this.state);
  }
}

function reasonOf(error: Error): State["reason"] {
  if (/WRONGPASS|NOAUTH|Unauthorized/i.test(error.message)) return "auth_failed";
  return error.name === "UpstashError" ? "redis_error" : "connect_failed";
}
