import { admin, isPassword } from "@/lib/admin";
import { announce } from "@/lib/announce";
import { limited } from "@/lib/limit";
import { begin } from "@/lib/session";

// POST {"password": "…"} begins a session of the one user whom this example has.
export async function POST(request: Request) {
  const refusal = await limited(request, "login");
  if (refusal) return refusal;
  const body = await request.json().catch(() => undefined);
  if (!isPassword(body?.password)) return Response.json({ error: "wrong password" }, { status: 401 });
  await begin(admin);
  announce();
  return new Response(null, { status: 204 });
}
