"""The commands that the app uses, over the same REST protocol."""

import httpx


class UpstashError(Exception):
    pass


class Redis:
    def __init__(self, url: str, token: str, rest_retries: int = 1, rest_retry_interval: float = 3, allow_telemetry: bool = True):
        self._url, self._headers = url, {"Authorization": f"Bearer {token}"}

    async def _execute(self, *command: object) -> str | None:
        async with httpx.AsyncClient(timeout=None) as client:
            answer = (await client.post(self._url, headers=self._headers, json=command)).json()
        if "error" in answer:
            raise UpstashError(answer["error"])
        return answer["result"]

    async def get(self, key: str) -> str | None:
        return await self._execute("GET", key)

    async def set(self, key: str, value: str, ex: int) -> str | None:
        return await self._execute("SET", key, value, "EX", ex)

    def multi(self) -> "Transaction":
        return Transaction(self._url + "/multi-exec", self._headers)

    async def ping(self) -> str | None:
        return await self._execute("PING")


class Transaction:
    def __init__(self, url: str, headers: dict[str, str]):
        self._url, self._headers = url, headers
        self._commands: list[list[object]] = []

    def incr(self, key: str) -> None:
        self._commands.append(["INCR", key])

    def expire(self, key: str, seconds: int, nx: bool) -> None:
        self._commands.append(["EXPIRE", key, seconds] + ["NX"] * nx)

    async def exec(self) -> list[int]:
        async with httpx.AsyncClient(timeout=None) as client:
            answers = (await client.post(self._url, headers=self._headers, json=self._commands)).json()
        if isinstance(answers, dict):
            raise UpstashError(answers["error"])
        return [answer["result"] for answer in answers]
