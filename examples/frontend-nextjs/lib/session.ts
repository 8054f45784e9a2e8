// Sessions in Redis: the cookie holds a random id, and nothing else.
import { cookies } from "next/headers";
import { redis } from "./redis-client";

const cookie = "session";
const seconds = 8 * 3600;
const keyOf = (id: string) => `ws:demo:session:${id}`;

export async function begin(user: string) {
  const id = crypto.randomUUID();
  await redis().set(keyOf(id), JSON.stringify({ user }), seconds);
  (await cookies()).set(cookie, id, { httpOnly: true, sameSite: "lax", secure: Boolean(process.env.VERCEL), maxAge: seconds, path: "/" });
}

export async function current(): Promise<{ user: string } | undefined> {
  const id = (await cookies()).get(cookie)?.value;
  const session = id && (await redis().get(keyOf(id)));
  return session ? JSON.parse(session) : undefined;
}

export async function end() {
  const id = (await cookies()).get(cookie)?.value;
  if (id) await redis().del(keyOf(id));
  (await cookies()).delete(cookie);
}
