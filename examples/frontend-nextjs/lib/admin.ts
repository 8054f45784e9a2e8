// Who may see the admin's pages: everyone who knows ADMIN_PASSWORD, by HTTP Basic. Nothing of it
// is kept in Redis, because these pages are wanted most while Redis is down.
import { createHash, timingSafeEqual } from "node:crypto";

export const admin = "admin";

/** isPassword is false for everything while no password is set. */
export function isPassword(given: unknown): boolean {
  const want = process.env.ADMIN_PASSWORD;
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return Boolean(want) && typeof given === "string" && timingSafeEqual(hash(given), hash(want!));
}

/** refused returns the answer to a request that may not see them. */
export function refused(request: Request): Response | undefined {
  const [scheme, credentials = ""] = (request.headers.get("authorization") ?? "").split(" ");
  const [user, ...password] = Buffer.from(credentials, "base64").toString().split(":");
  if (/^basic$/i.test(scheme) && user === admin && isPassword(password.join(":"))) return undefined;
  return new Response(`Log in as ${admin} with ADMIN_PASSWORD.\n`, {
    status: 401,
    headers: { "WWW-Authenticate": 'Basic realm="admin", charset="UTF-8"', "Cache-Control": "no-store" },
  });
}
