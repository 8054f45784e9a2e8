"""Signs and verifies by Standard Webhooks, https://www.standardwebhooks.com."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

TOLERANCE = 5 * 60


def sign(key: str, message_id: str, at: int, body: bytes) -> str:
    secret = base64.b64decode(key.removeprefix("whsec_"))
    digest = hmac.new(secret, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def verify(key: str, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        at = int(headers["webhook-timestamp"])
        want = sign(key, headers["webhook-id"], at, body)
        # While a key is being replaced the sender signs with both.
        given = headers["webhook-signature"].split()
    except (KeyError, ValueError):
        return False
    fresh = abs(time.time() - at) <= TOLERANCE
    return any([hmac.compare_digest(want.encode(), g.encode()) for g in given]) and fresh
