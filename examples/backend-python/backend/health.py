"""GET says how the app runs; POST proves it.

On a request that pongwatch has signed, the app writes a nonce to whatever it uses as
Redis, and repeats it. pongwatch then looks for it in the real one. The contract is
docs/mock-mode.md of pongwatch.
"""

import json
import re

from fastapi import APIRouter, HTTPException, Request, Response

from .redis_client import RedisClient
from .signature import verify


def health(redis: RedisClient, proof_key: str | None) -> APIRouter:
    router = APIRouter()

    @router.get("")
    async def mode(response: Response) -> dict[str, str]:
        response.headers["Cache-Control"] = "no-store"
        await redis.ping()  # a mode that was not tried lately may be wrong by now
        return _answer(redis)

    @router.post("")
    async def proof(request: Request, response: Response) -> dict[str, str]:
        response.headers["Cache-Control"] = "no-store"
        nonce = await _verified_nonce(request, proof_key)
        if not nonce:
            raise HTTPException(401, "want a signed request")  # and write nothing
        await redis.set(f"ws:_pongwatch:proof:{nonce}", nonce, 60)
        return {**_answer(redis), "proof": nonce}

    return router


def _answer(redis: RedisClient) -> dict[str, str]:
    state = redis.state
    return {"status": state.mode, "reason": state.reason, "since": state.since.isoformat()}


async def _verified_nonce(request: Request, key: str | None) -> str | None:
    if not key or int(request.headers.get("content-length") or 1 << 20) > 4096:
        return None
    body = await request.body()
    if not verify(key, request.headers, body):
        return None
    try:
        message = json.loads(body)
        nonce = message["data"]["nonce"] if message["type"] == "mock_mode.proof" else ""
        return nonce if re.fullmatch("[A-Za-z0-9]{16,64}", nonce) else None
    except (ValueError, KeyError, TypeError):
        return None
