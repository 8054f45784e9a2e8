"""Reports mock mode without being asked.

By a log line that a Cloud Logging sink finds, and by a signed event, every five minutes
for as long as it lasts.
"""

import asyncio
import json
import time
import uuid
from collections.abc import Mapping

import httpx

from .redis_client import RedisClient, State
from .signature import sign

EVERY = 5 * 60


class Announcer:
    def __init__(self, redis: RedisClient, env: Mapping[str, str]):
        self._redis = redis
        self._service = env.get("K_SERVICE", "backend")
        self._revision = env.get("K_REVISION", "")
        # AlertWebhook's address with /events, and the key; without them only the log tells.
        self._url, self._key = env.get("PONGWATCH_EVENTS_URL"), env.get("PONGWATCH_EVENT_KEY")
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        self._redis.on_change(self._tell)
        while True:
            await asyncio.sleep(EVERY)
            if self._redis.state.mode == "mock":
                self._tell(self._redis.state)

    def _tell(self, state: State) -> None:
        line = {"severity": "NOTICE", "message": "Redis is connected", "event": "redis_mock_mode_deactivated"}
        if state.mode == "mock":
            line = {"severity": "ERROR", "message": f"MOCK MODE ACTIVE: {state.reason}", "event": "redis_mock_mode_activated"}
        print(json.dumps({**line, "service": self._service, "reason": state.reason}), flush=True)
        if self._url and self._key:
            task = asyncio.get_running_loop().create_task(self._send(self._url, self._key, state))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, url: str, key: str, state: State) -> None:
        kind = "mock_mode.activated" if state.mode == "mock" else "mock_mode.deactivated"
        data = {"service": self._service, "revision": self._revision, "reason": state.reason, "message": f"{state.mode} since {state.since:%H:%M:%S} UTC"}
        body = json.dumps({"type": kind, "data": data}).encode()
        message_id, at = str(uuid.uuid4()), int(time.time())
        headers = {"Content-Type": "application/json", "Webhook-Id": message_id, "Webhook-Timestamp": str(at), "Webhook-Signature": sign(key, message_id, at, body)}
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                (await client.post(url, content=body, headers=headers)).raise_for_status()
        except httpx.HTTPError as error:
            # Not the words that the sink looks for; the next event is five minutes away.
            print(json.dumps({"severity": "WARNING", "message": f"event not sent: {type(error).__name__}"}), flush=True)
