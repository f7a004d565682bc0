"""Alerts by HTTP: POST of JSON with time-out and retries, in a thread of its own."""

import base64
import hashlib
import hmac
import http.client
import json
import logging
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from data.exceptions import UsageError
from detector.video.results.background import Background, Trouble

log = logging.getLogger(__name__)

TIMEOUT = 5.0
WAITS = (1.0, 4.0, 16.0)
"""Seconds before each retry."""
RETRIED = frozenset({408, 425, 429})
"""Status codes below 500 that may be different next time (RFC 9110, 8470, 6585)."""


class Webhook(Background[Mapping[str, Any]]):
    """POSTs each alert as JSON to a URL, in order, while the video goes on.

    Connection troubles, time-outs and 5xx answers are tried again, other answers but 2xx aren't.
    Redirects aren't followed: they could carry the alert and the credentials elsewhere. Neither
    the URL's path, which often is the secret, nor its credentials are ever logged.

    Each POST has the headers `X-Maskwatch-Delivery`, the same for every try of one alert, and
    with a secret `X-Maskwatch-Signature: sha256=HEX`, the HMAC-SHA-256 of the body.

    Args:
        url: http or https; `user:password@` in it is sent as basic authentication.
        secret: for the signature; None for none.
        timeout: seconds that the server may be silent.
        waits: seconds before each retry.

    Raises:
        UsageError: if the URL makes no sense.
    """

    def __init__(
        self,
        url: str,
        secret: bytes | None = None,
        *,
        timeout: float = TIMEOUT,
        waits: tuple[float, ...] = WAITS,
    ) -> None:
        parts = parse_url(url)
        self._secret, self._timeout, self._waits = secret, timeout, waits
        self._authorization = _basic(parts)
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
        self.place = public_name(parts)
        self._opener = build_opener()
        name = f"webhook {self.place}"
        super().__init__(name, Trouble(log, f"{name}: an alert is lost", f"{name}: works again"))

    def _work_on(self, alert: Mapping[str, Any], stop: threading.Event) -> None:
        request = self._request(json.dumps(alert, ensure_ascii=False, allow_nan=False).encode())
        trouble = ""
        for wait in (*self._waits, None):
            trouble, again = self._post(request)
            if not trouble:
                self._trouble.over()
                return
            if not again or wait is None or stop.wait(wait):
                break
        self._trouble.report(trouble)

    def _request(self, body: bytes) -> urllib.request.Request:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"maskwatch/{version('maskwatch')}",
            "X-Maskwatch-Delivery": secrets.token_hex(16),
        }
        if self._secret is not None:
            headers["X-Maskwatch-Signature"] = f"sha256={sign(body, self._secret)}"
        if self._authorization:
            headers["Authorization"] = self._authorization
        # parse_url admits http and https only.
        return urllib.request.Request(self._url, body, headers, method="POST")  # noqa: S310

    def _post(self, request: urllib.request.Request) -> tuple[str, bool]:
        """What went wrong ("" for nothing), and whether trying again makes sense."""
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as error:
            error.close()
            if 300 <= error.code < 400:
                return f"it answered {error.code}, a redirect; name the final address", False
            return f"it answered {error.code}", error.code >= 500 or error.code in RETRIED
        except urllib.error.URLError as error:
            return _reason(error.reason), True
        except (OSError, http.client.HTTPException) as error:
            return _reason(error), True
        return "", False


def build_opener() -> urllib.request.OpenerDirector:
    """An opener of urllib for http and https with the system's proxies; it follows no redirect."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


def parse_url(url: str) -> SplitResult:
    """The parts of an http or https URL.

    Raises:
        UsageError: if it is none; the message doesn't repeat it, it may hold a secret.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(c.isspace() or not c.isprintable() for c in url) or not url.isascii():
        raise UsageError(
            "--webhook: expected a URL such as https://HOST/PATH, but got something else "
            "(only http and https; write spaces and other letters as %XX)"
        )
    return parts


def public_name(parts: SplitResult) -> str:
    """What of a URL may be shown: scheme, host and port."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def sign(body: bytes, secret: bytes) -> str:
    """HMAC-SHA-256 (RFC 2104) as 64 hex digits."""
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def _basic(parts: SplitResult) -> str | None:
    """The header of basic authentication (RFC 7617) for `user:password@` in a URL."""
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def _reason(error: object) -> str:
    """An error in a few words, its class where it has none."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = error.strerror if isinstance(error, OSError) else None
    return text or str(error) or type(error).__name__
