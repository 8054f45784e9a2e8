// A queue without a worker of its own: the task is a list's entry in Redis, and is taken
// once the request has been answered. A list that is left over is emptied by the next.
import { after } from "next/server";
import { announce } from "@/lib/announce";
import { limited } from "@/lib/limit";
import { redis } from "@/lib/redis-client";

const list = "ws:demo:tasks";

export async function POST(request: Request) {
  const refusal = await limited(request, "tasks");
  if (refusal) return refusal;
  const task = { id: crypto.randomUUID() };
  await redis().push(list, JSON.stringify(task));
  announce();
  after(async () => {
    for (let next; (next = await redis().pop(list)) !== null; ) console.log(JSON.stringify({ severity: "INFO", message: "task done", task: JSON.parse(next) }));
  });
  return Response.json(task, { status: 202 });
}
