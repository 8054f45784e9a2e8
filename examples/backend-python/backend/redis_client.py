"""RedisClient is the app's one way to Redis.

When Redis cannot be used the app goes on in memory: mock mode. It keeps serving, never
hides it, and returns when Redis answers again.
"""

import math
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from typing import TypeVar

from .store import Memory, Store, Upstash

T = TypeVar("T")


@dataclass(frozen=True)
class State:
    mode: str = "connected"  # or "mock"
    reason: str = ""  # url_missing, mock_flag, auth_failed, connect_failed, redis_error
    since: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


class RedisClient:
    def __init__(self, env: Mapping[str, str] = os.environ):
        self.state = State()
        # 0 stays in mock mode until the app is restarted.
        self._retry_after = float(env.get("REDIS_RETRY_SECONDS", 30)) or math.inf
        self._retry_at = 0.0
        self._listeners: list[Callable[[State], None]] = []
        self._memory: Store = Memory()
        self._redis: Store | None = None
        url, token = env.get("UPSTASH_REDIS_URL"), env.get("UPSTASH_REDIS_TOKEN")
        if env.get("MOCK_REDIS", "").lower() in ("1", "true", "yes", "on"):
            self._become("mock", "mock_flag")
        elif not url or not token:
            self._become("mock", "url_missing")
        else:
            self._redis = Upstash(url, token)

    async def get(self, key: str) -> str | None:
        return await self._run(lambda store: store.get(key))

    async def set(self, key: str, value: str, seconds: int) -> None:
        await self._run(lambda store: store.set(key, value, seconds))

    async def count(self, key: str, seconds: int) -> int:
        return await self._run(lambda store: store.count(key, seconds))

    async def ping(self) -> None:
        await self._run(lambda store: store.ping())

    def on_change(self, listener: Callable[[State], None]) -> None:
        """The listener hears the state now and whenever it changes."""
        self._listeners.append(listener)
        listener(self.state)

    async def _run(self, command: Callable[[Store], Awaitable[T]]) -> T:
        if self._redis and (self.state.mode == "connected" or time.monotonic() >= self._retry_at):
            try:
                result = await command(self._redis)
            except Exception as error:  # of whatever kind: the app goes on
                self._retry_at = time.monotonic() + self._retry_after
                self._become("mock", _reason(error))
            else:
                self._become("connected", "")
                return result
        return await command(self._memory)

    def _become(self, mode: str, reason: str) -> None:
        if self.state.mode != mode:
            self.state = State(mode, reason)
            for listener in self._listeners:
                listener(self.state)


def _reason(error: Exception) -> str:
    if any(word in str(error) for word in ("WRONGPASS", "NOAUTH", "Unauthorized")):
        return "auth_failed"
    return "redis_error" if type(error).__name__ == "UpstashError" else "connect_failed"


@cache
def shared() -> RedisClient:
    return RedisClient()
