"""So many requests of a client in so many seconds, counted in Redis and so for all instances.

Without Redis each instance counts by itself: the limit is looser then, but it holds.
"""

import asyncio
import time
from typing import Any

from .redis_client import RedisClient

SECONDS = 10


async def allow(redis: RedisClient, client: str, requests: int = 20) -> bool:
    window = int(time.time() // SECONDS)
    return await redis.count(f"ws:demo:limit:{client}:{window}", SECONDS) <= requests


async def limiter_test(redis: RedisClient, nonce: str) -> dict[str, Any]:
    """Hits the limiter as docs/limiter.md of pongwatch asks: three times, with a limit of one."""
    hits = await asyncio.gather(*(allow(redis, f"_pongwatch:{nonce}", 1) for _ in range(3)))
    return {"limit": 1, "window": SECONDS, "allowed": sum(hits)}
