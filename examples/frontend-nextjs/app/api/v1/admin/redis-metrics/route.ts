// pongwatch's statistics, passed through: the token that may read them stays on the server.
import { refused } from "@/lib/admin";

export const dynamic = "force-dynamic";

export async function GET(request: Request) {
  // proxy.ts has asked already; where the data is, it is asked again.
  const refusal = refused(request);
  if (refusal) return refusal;
  const { PONGWATCH_URL: base, PONGWATCH_READ_TOKEN: token } = process.env;
  if (!base) return problem("PONGWATCH_URL is not set: the address of pongwatch's Metrics");
  const url = new URL("/api/v1/admin/redis-metrics", base);
  for (const name of ["range", "database", "step"]) {
    const value = new URL(request.url).searchParams.get(name);
    if (value) url.searchParams.set(name, value);
  }
  try {
    const response = await fetch(url, {
      headers: { Accept: "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(10_000),
    });
    // Not passed through: the browser would ask for another password, and it has the right one.
    if (response.status === 401 || response.status === 403) return problem(`pongwatch refuses PONGWATCH_READ_TOKEN: HTTP ${response.status}`);
    return new Response(response.body, {
      status: response.status,
      headers: { "Content-Type": response.headers.get("content-type") ?? "application/json", "Cache-Control": "no-store" },
    });
  } catch (error) {
    return problem(`pongwatch does not answer: ${(error as Error).name}`);
  }
}

const problem = (error: string) => Response.json({ error }, { status: 502, headers: { "Cache-Control": "no-store" } });
