"""What the app needs of Redis, once in Upstash and once in this process's memory."""

import asyncio
import time
from typing import Protocol

from upstash_redis.asyncio import Redis

# The client waits for ever by itself.
TIMEOUT = 2.0


class Store(Protocol):
    async def get(self, key: str) -> str | None: ...
    async def set(self, key: str, value: str, seconds: int) -> None: ...
    async def count(self, key: str, seconds: int) -> int: ...  # adds one, and returns the sum
    async def ping(self) -> None: ...


class Upstash:
    def __init__(self, url: str, token: str):
        self._redis = Redis(url=url, token=token, rest_retries=1, rest_retry_interval=0.1, allow_telemetry=False)

    async def get(self, key: str) -> str | None:
        return await asyncio.wait_for(self._redis.get(key), TIMEOUT)

    async def set(self, key: str, value: str, seconds: int) -> None:
        await asyncio.wait_for(self._redis.set(key, value, ex=seconds), TIMEOUT)

    async def count(self, key: str, seconds: int) -> int:
        # In one transaction, so that no counter is left without an end.
        transaction = self._redis.multi()
        transaction.incr(key)
        transaction.expire(key, seconds, nx=True)
        return (await asyncio.wait_for(transaction.exec(), TIMEOUT))[0]

    async def ping(self) -> None:
        await asyncio.wait_for(self._redis.ping(), TIMEOUT)


class Memory:
    """Forgets the oldest keys rather than to take all of the process's memory."""

    def __init__(self, limit: int = 10_000):
        self._limit = limit
        self._values: dict[str, tuple[str, float]] = {}

    async def get(self, key: str) -> str | None:
        value, until = self._values.get(key, (None, 0.0))
        return value if until > time.monotonic() else None

    async def set(self, key: str, value: str, seconds: int) -> None:
        self._values.pop(key, None)
        self._values[key] = (value, time.monotonic() + seconds)
        if len(self._values) > self._limit:
            del self._values[next(iter(self._values))]

    async def count(self, key: str, seconds: int) -> int:
        value, until = self._values.get(key, ("0", 0.0))
        alive = until > time.monotonic()
        count = int(value) + 1 if alive else 1
        await self.set(key, str(count), seconds)
        if alive:
            self._values[key] = (str(count), until)
        return count

    async def ping(self) -> None:
        pass
