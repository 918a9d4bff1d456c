"""Who may ask: the one client and the one account that the sandbox knows, and the tokens it gave out.

Everything here is made up and accepted on 127.0.0.1 only. Tokens run out by real time, not by the simulated: setting
now a week ahead must not log a client out.
"""

import base64
import binascii
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

# None of these is a secret: they open nothing but a server of invented posts.
CLIENT_ID = "pulse-sandbox-client"
CLIENT_SECRET = "pulse-sandbox-secret"  # noqa: S105
USERNAME = "pulse_sandbox_user"
PASSWORD = "pulse-sandbox-password"  # noqa: S105
REFRESH_TOKEN = "pulse-sandbox-refresh-token"  # noqa: S105
TOKEN_LIFETIME_S = 86_400
_INSTALLED_CLIENT = "https://oauth.reddit.com/grants/installed_client"
_UNAUTHORIZED = {"message": "Unauthorized", "error": 401}


@dataclass(frozen=True)
class TokenAnswer:
    """What a token call is answered with."""

    status: int
    body: dict[str, Any]

    @property
    def is_unauthorized(self) -> bool:
        """Whether the client itself was refused."""
        return self.status == 401


class Tokens:
    """Tokens given out so far, and when they end. Safe to use from several threads."""

    def __init__(self, *, lifetime_s: float) -> None:
        self._lifetime_s = lifetime_s
        self._ends_s: dict[str, float] = {}
        self._is_refresh_revoked = False
        self._lock = Lock()

    def give(self, authorization: str | None, form: Mapping[str, str]) -> TokenAnswer:
        """Answer a call for a token as Reddit does, refusals included."""
        client = _basic_credentials(authorization)
        is_installed = form.get("grant_type") == _INSTALLED_CLIENT
        if client != (CLIENT_ID, CLIENT_SECRET) and not (is_installed and client == (CLIENT_ID, "")):
            return TokenAnswer(401, _UNAUTHORIZED)
        refusal = self._refusal(form)
        if refusal is not None:
            return refusal
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._ends_s[token] = time.monotonic() + self._lifetime_s
        body = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": int(self._lifetime_s),
            "scope": form.get("scope") or "*",
        }
        if form["grant_type"] == "refresh_token":
            body["refresh_token"] = REFRESH_TOKEN
        if is_installed:
            body["device_id"] = form["device_id"]
        return TokenAnswer(200, body)

    def _refusal(self, form: Mapping[str, str]) -> TokenAnswer | None:
        """Reddit refuses a wrong password with status 200, and a wrong refresh token with 400."""
        grant = form.get("grant_type")
        if grant == "client_credentials":
            return None
        if grant == _INSTALLED_CLIENT:
            is_id = 20 <= len(form.get("device_id", "")) <= 30
            return None if is_id else TokenAnswer(400, {"error": "invalid_request"})
        if grant == "password":
            is_right = (form.get("username", "").lower(), form.get("password")) == (USERNAME, PASSWORD)
            return None if is_right else TokenAnswer(200, {"error": "invalid_grant"})
        if grant == "refresh_token":
            is_right = form.get("refresh_token") == REFRESH_TOKEN and not self._is_refresh_revoked
            return None if is_right else TokenAnswer(400, {"message": "Bad Request", "error": 400})
        return TokenAnswer(400, {"error": "unsupported_grant_type"})

    def revoke(self, authorization: str | None, form: Mapping[str, str]) -> TokenAnswer:
        """Forget a token; with the refresh token, all of them. An unknown one is as well forgotten as any."""
        if _basic_credentials(authorization) not in {(CLIENT_ID, CLIENT_SECRET), (CLIENT_ID, "")}:
            return TokenAnswer(401, _UNAUTHORIZED)
        token = form.get("token", "")
        with self._lock:
            if token == REFRESH_TOKEN:
                self._is_refresh_revoked = True
                self._ends_s.clear()
            self._ends_s.pop(token, None)
        return TokenAnswer(200, {})

    def given(self) -> tuple[str, ...]:
        """Tokens given out and not revoked, in order."""
        with self._lock:
            return tuple(self._ends_s)

    def expire_all(self) -> None:
        """Let every token given out so far have run out."""
        with self._lock:
            self._ends_s.clear()

    def is_valid(self, authorization: str | None) -> bool:
        """Whether the header carries a token that has not run out."""
        scheme, _, token = (authorization or "").partition(" ")
        with self._lock:
            return scheme.lower() == "bearer" and self._ends_s.get(token.strip(), 0.0) > time.monotonic()


def _basic_credentials(authorization: str | None) -> tuple[str, str] | None:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password
