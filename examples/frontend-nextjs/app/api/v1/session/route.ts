import { announce } from "@/lib/announce";
import { current } from "@/lib/session";

export async function GET() {
  const session = await current();
  announce();
  return Response.json(session ?? { error: "log in first" }, { status: session ? 200 : 401, headers: { "Cache-Control": "no-store" } });
}
