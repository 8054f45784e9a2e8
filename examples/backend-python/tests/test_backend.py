"""EMULATOR_URL and EMULATOR_TOKEN name an Upstash database, or pongwatch's emulator."""

import asyncio
import json
import os
import time

from fastapi import FastAPI
from fastapi.testclient import TestClient

KEY = "whsec_cHJvb2Yta2V5LW9mLXRoZS10ZXN0cy0zMi1ieXRlcyE="
NONCE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PROOF = json.dumps({"type": "mock_mode.proof", "data": {"nonce": NONCE}}).encode()
REAL = {"UPSTASH_REDIS_URL": os.environ["EMULATOR_URL"], "UPSTASH_REDIS_TOKEN": os.environ["EMULATOR_TOKEN"]}


def client(env):
    from backend.redis_client import RedisClient

    return RedisClient(env)


def app(redis):
    from backend.health import health

    app = FastAPI()
    app.include_router(health(redis, KEY), prefix="/health")
    return TestClient(app)


def signed(body, at=None):
    from backend.signature import sign

    at = int(at or time.time())
    return {"Webhook-Id": NONCE, "Webhook-Timestamp": str(at), "Webhook-Signature": sign(KEY, NONCE, at, body)}


def test_connected_and_the_proof_is_in_redis():
    redis = client(REAL)
    page = app(redis)
    assert page.get("/health").json()["status"] == "connected"
    answer = page.post("/health", content=PROOF, headers=signed(PROOF))
    assert (answer.status_code, answer.json()["status"], answer.json()["proof"]) == (200, "connected", NONCE)
    assert asyncio.run(client(REAL).get(f"ws:_pongwatch:proof:{NONCE}")) == NONCE


def test_without_a_url_or_when_told_to_the_app_is_a_mock_and_says_why():
    assert client({}).state.reason == "url_missing"
    answer = app(client({**REAL, "MOCK_REDIS": "true"})).get("/health").json()
    assert (answer["status"], answer["reason"]) == ("mock", "mock_flag")


def test_a_refused_token_is_a_reason_of_its_own():
    redis = client({**REAL, "UPSTASH_REDIS_TOKEN": "wrong"})
    asyncio.run(redis.ping())
    assert (redis.state.mode, redis.state.reason) == ("mock", "auth_failed")


def test_a_redis_that_cannot_be_reached_is_replaced_by_memory_and_the_app_serves_on():
    redis = client({**REAL, "UPSTASH_REDIS_URL": "http://127.0.0.1:9"})
    heard = []
    redis.on_change(lambda state: heard.append(state.mode))
    asyncio.run(redis.set("ws:demo:a", "1", 60))
    assert asyncio.run(redis.get("ws:demo:a")) == "1"
    assert (heard, redis.state.reason) == (["connected", "mock"], "connect_failed")


def test_the_limiter_refuses_what_is_above_its_limit_with_and_without_redis():
    body = json.dumps({"type": "limiter.proof", "data": {"nonce": NONCE}}).encode()
    for env in (REAL, {"MOCK_REDIS": "1"}, {**REAL, "UPSTASH_REDIS_URL": "http://127.0.0.1:9"}):
        answer = app(client(env)).post("/health", content=body, headers=signed(body)).json()
        assert (answer["proof"], answer["limiter_open"]) == (NONCE, False)
        # Two are allowed where the window ended meanwhile.
        assert answer["limiter"] in ({"limit": 1, "window": 10, "allowed": n} for n in (1, 2))


def test_a_request_that_is_unsigned_old_or_no_proof_writes_nothing():
    redis = client({"MOCK_REDIS": "1"})
    page = app(redis)
    odd = json.dumps({"type": "mock_mode.proof", "data": {"nonce": "a:b"}}).encode()
    for body, headers in [(PROOF, {}), (PROOF, signed(PROOF, time.time() - 600)), (PROOF, signed(odd)), (odd, signed(odd)), (b"{}", signed(b"{}")), (b"", signed(b""))]:
        assert page.post("/health", content=body, headers=headers).status_code == 401
    assert asyncio.run(redis.get(f"ws:_pongwatch:proof:{NONCE}")) is None


def test_memory_forgets_the_oldest():
    from backend.store import Memory

    store = Memory(limit=2)

    async def fill():
        for key in "abc":
            await store.set(key, key, 60)
        return [await store.get(key) for key in "abc"]

    assert asyncio.run(fill()) == [None, "b", "c"]


def test_mock_mode_is_told_by_log_and_event(capsys, monkeypatch):
    from backend import announce, signature

    sent = []

    class Client:
        def __init__(self, timeout): ...
        async def __aenter__(self): return self
        async def __aexit__(self, *_): ...

        async def post(self, url, content, headers):
            sent.append((url, content, {k.lower(): v for k, v in headers.items()}))
            return type("Answer", (), {"raise_for_status": lambda self: None})()

    monkeypatch.setattr(announce.httpx, "AsyncClient", Client)
    env = {"K_SERVICE": "backend", "PONGWATCH_EVENTS_URL": "https://hook.example.com/events", "PONGWATCH_EVENT_KEY": KEY}

    async def run():
        task = asyncio.create_task(announce.Announcer(client({}), env).run())
        while not sent:
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())
    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["event"], line["service"]) == ("MOCK MODE ACTIVE: url_missing", "redis_mock_mode_activated", "backend")
    url, body, headers = sent[0]
    assert url == "https://hook.example.com/events" and signature.verify(KEY, headers, body)
    assert json.loads(body)["type"] == "mock_mode.activated"
