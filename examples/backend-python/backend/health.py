"""GET says how the app runs; POST proves it.

On a request that pongwatch has signed, the app writes a nonce to whatever it uses as
Redis, and repeats it. pongwatch then looks for it in the real one. Another such request
tests the limiter. The contracts are docs/mock-mode.md and docs/limiter.md of pongwatch.
"""

import json
import re
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response

from .limit import limiter_test
from .redis_client import RedisClient
from .signature import verify


def health(redis: RedisClient, proof_key: str | None) -> APIRouter:
    router = APIRouter()

    @router.get("")
    async def mode(response: Response) -> dict[str, Any]:
        response.headers["Cache-Control"] = "no-store"
        await redis.ping()  # a mode that was not tried lately may be wrong by now
        return _answer(redis)

    @router.post("")
    async def proof(request: Request, response: Response) -> dict[str, Any]:
        response.headers["Cache-Control"] = "no-store"
        kind, nonce = await _verified(request, proof_key) or ("", "")
        if not nonce:
            raise HTTPException(401, "want a signed request")  # and write nothing
        if kind == "limiter.proof":
            return {**_answer(redis), "proof": nonce, "limiter": await limiter_test(redis, nonce)}
        await redis.set(f"ws:_pongwatch:proof:{nonce}", nonce, 60)
        return {**_answer(redis), "proof": nonce}

    return router


def _answer(redis: RedisClient) -> dict[str, Any]:
    state = redis.state
    # Without Redis the limiter counts in memory, so that it is never open.
    return {"status": state.mode, "reason": state.reason, "since": state.since.isoformat(), "limiter_open": False}


async def _verified(request: Request, key: str | None) -> tuple[str, str] | None:
    if not key or int(request.headers.get("content-length") or 1 << 20) > 4096:
        return None
    body = await request.body()
    if not verify(key, request.headers, body):
        return None
    try:
        message = json.loads(body)
        kind, nonce = message["type"], message["data"]["nonce"]
        known = kind in ("mock_mode.proof", "limiter.proof") and re.fullmatch("[A-Za-z0-9]{16,64}", nonce)
        return (kind, nonce) if known else None
    except (ValueError, KeyError, TypeError):
        return None
