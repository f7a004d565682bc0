"""What the web page's server answers."""

import json
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from detector.video.results.access import cookie_value, host_is_known, token_is_right
from detector.video.results.live import MOST_PER_SECOND

if TYPE_CHECKING:
    from detector.video.results.serve import PageServer

SILENCE = 15.0
"""Seconds after which a connection that says or takes nothing is closed."""
_SEND_BUFFER = 1 << 18  # a slow viewer then lags by a few pictures, not by many
_BOUNDARY = "maskwatch-picture"

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    server: "PageServer"
    protocol_version = "HTTP/1.1"
    server_version = "maskwatch"
    sys_version = ""
    timeout = SILENCE
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def setup(self) -> None:
        """Small buffers and no delay, so that viewers see what is new."""
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        super().setup()

    def do_GET(self) -> None:
        """Check host and token, then answer."""
        try:
            parts = urlsplit(self.path)
            query = {k: v[-1] for k, v in parse_qs(parts.query, max_num_fields=20).items()}
        except ValueError:
            self._text(HTTPStatus.BAD_REQUEST, "the address can't be read")
            return
        if not host_is_known(self.headers.get("Host"), self.server.names):
            self._text(
                HTTPStatus.MISDIRECTED_REQUEST,
                "this name isn't known here; use the IP address, or start with --allow-host NAME",
            )
            return
        routes: dict[str, Callable[[Mapping[str, str]], None]] = {
            "/": self._page,
            "/stream": self._stream,
            "/picture.jpg": self._picture,
            "/state.json": self._state,
            "/health": self._health,
        }
        route = routes.get(parts.path)
        if route is None:
            self._text(HTTPStatus.NOT_FOUND, "no such page")
        elif parts.path != "/health" and not self._may_see(query):
            self._text(HTTPStatus.FORBIDDEN, "open the address with ?token= that was printed")
        else:
            route(query)

    do_HEAD = do_GET  # noqa: N815

    def _may_see(self, query: Mapping[str, str]) -> bool:
        token = self.server.token
        if token is None:
            return True
        scheme, _, bearer = (self.headers.get("Authorization") or "").partition(" ")
        cookie = cookie_value(self.headers.get("Cookie"), self._cookie_name)
        given = [query.get("token", ""), cookie or ""]
        given += [bearer.strip()] if scheme.lower() == "bearer" else []
        return token_is_right(token, given)

    @property
    def _cookie_name(self) -> str:
        # Cookies are shared by all ports of a host.
        return f"maskwatch_{self.server.port}"

    def _keep_token(self) -> None:
        """Move the token from the address, which is seen and shared, into a cookie."""
        # Lax: Strict would not be sent when the link was opened from a message.
        cookie = f"{self._cookie_name}={self.server.token}; HttpOnly; SameSite=Lax; Path=/"
        fields = {"Location": "/", "Set-Cookie": cookie} if self.server.token else {"Location": "/"}
        self._answer(HTTPStatus.SEE_OTHER, b"", "text/plain", fields)

    def _page(self, query: Mapping[str, str]) -> None:
        if "token" in query:
            self._keep_token()
            return
        fields = {"Content-Security-Policy": self.server.policy}
        self._answer(HTTPStatus.OK, self.server.page.encode(), "text/html; charset=utf-8", fields)

    def _state(self, query: Mapping[str, str]) -> None:
        after = query.get("after", "0")
        number = int(after) if after.isascii() and after.isdecimal() and len(after) < 16 else 0
        self._json(HTTPStatus.OK, self.server.live.state(number))

    def _health(self, query: Mapping[str, str]) -> None:
        good, facts = self.server.live.health(query.get("source"))
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        self._json(status, facts if self._may_see(query) else {"status": facts["status"]})

    def _picture(self, query: Mapping[str, str]) -> None:
        pictures = self.server.live.pictures(query.get("source"))
        found = pictures.wait(0, SILENCE) if pictures else None
        if found is None:
            self._text(HTTPStatus.SERVICE_UNAVAILABLE, "no picture yet")
            return
        self._answer(HTTPStatus.OK, found[1], "image/jpeg")

    def _stream(self, query: Mapping[str, str]) -> None:
        """MJPEG: each viewer gets the newest picture whenever it has taken the one before."""
        pictures = self.server.live.pictures(query.get("source"))
        if pictures is None or not self.server.viewers.acquire(blocking=False):
            what = "too many viewers" if pictures else "no picture yet"
            self._text(HTTPStatus.SERVICE_UNAVAILABLE, what)
            return
        try:
            self.close_connection = True
            self._head(HTTPStatus.OK, f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            if self.command == "HEAD":
                return
            # Browsers show a picture when the next one's head arrives, so that goes out at once;
            # its length isn't known then, and the boundary ends it.
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
            self.wfile.write(head)
            number = 0
            while not self.server.closing.is_set():
                found = pictures.wait(number, 1.0)
                if found is None:
                    if has_gone(self.connection):
                        return
                    continue
                sent, (number, jpeg) = time.monotonic(), found
                self.wfile.write(jpeg + b"\r\n" + head)
                spare = sent + 1 / MOST_PER_SECOND - time.monotonic()
                self.server.closing.wait(max(0.0, spare))
        finally:
            self.server.viewers.release()

    def _json(self, status: HTTPStatus, value: Any) -> None:
        body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        self._answer(status, body, "application/json")

    def _text(self, status: HTTPStatus, text: str) -> None:
        self._answer(status, f"{text}\n".encode(), "text/plain; charset=utf-8")

    def _answer(
        self, status: HTTPStatus, body: bytes, kind: str, fields: Mapping[str, str] | None = None
    ) -> None:
        self._head(status, kind, {**(fields or {}), "Content-Length": str(len(body))})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str, fields: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        common = {**_HEADERS, "Content-Type": kind}
        if self.close_connection:
            common["Connection"] = "close"
        for name, value in {**common, **(fields or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: request lines can hold the token."""


def has_gone(connection: socket.socket) -> bool:
    """Whether the other side has closed a connection on which it has nothing more to say."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0)) and not connection.recv(1, socket.MSG_PEEK)
