"""uvicorn backend.main:app"""

import asyncio
import os

from fastapi import FastAPI, HTTPException, Request, Response

from .announce import Announcer
from .health import health
from .limit import allow
from .redis_client import shared

app = FastAPI()
redis = shared()
app.include_router(health(redis, os.environ.get("PONGWATCH_PROOF_KEY")), prefix="/api/v1/health/redis")


@app.on_event("startup")
async def announce() -> None:
    await redis.ping()  # so that what is announced first is true
    app.state.announcing = asyncio.create_task(Announcer(redis, os.environ).run())


@app.get("/api/v1/greeting")
async def greeting(request: Request, response: Response) -> dict[str, str]:
    """What the app is for: here, one value of one workspace."""
    if not await allow(redis, request.client.host if request.client else "unknown"):
        raise HTTPException(429, "too many requests")
    key = "ws:demo:greeting"
    cached = await redis.get(key)
    if cached is None:
        await redis.set(key, "hello", 300)
    response.headers["X-Cache"] = "MISS" if cached is None else "HIT"
    return {"greeting": cached or "hello"}
