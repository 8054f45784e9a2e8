import { announce } from "@/lib/announce";
import { end } from "@/lib/session";

export async function POST() {
  await end();
  announce();
  return new Response(null, { status: 204 });
}
