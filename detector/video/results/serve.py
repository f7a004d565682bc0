"""The web page's server: standard library, threads, nothing that waits for a viewer."""

import contextlib
import errno
import ipaddress
import logging
import os
import secrets
import socket
import socketserver
import threading
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from data.exceptions import UsageError
from detector.video.results.access import check_token, content_policy, is_loopback
from detector.video.results.handler import Handler
from detector.video.results.live import Live

log = logging.getLogger(__name__)

PAGE = Path(__file__).with_name("page.html")
MOST_CONNECTIONS = 64
MOST_VIEWERS = 16


class PageServer(socketserver.ThreadingTCPServer):
    """Serves `live` from a thread of its own while it is entered.

    `/` is the page, `/stream` MJPEG, `/picture.jpg` one picture, `/state.json` counters and
    events, `/health` 200 or 503. Sources are chosen by `?source=NAME`. Where it listens beyond
    this machine a token is required, as `?token=`, cookie or bearer; `/health` alone answers
    without one, and then with no more than its status.

    Args:
        live: what is shown.
        port: 0 for any that is free.
        host: name or address to listen at.
        token: required if given; made where the address isn't loopback and none is given.
        names: further names by which browsers may reach it (behind a proxy).

    Raises:
        UsageError: if the address can't be had, or the token is too weak.
    """

    daemon_threads = True
    block_on_close = False
    # Elsewhere than on Windows this only skips the wait after an earlier run.
    allow_reuse_address = os.name != "nt"
    request_queue_size = 32

    def __init__(
        self,
        live: Live,
        port: int,
        host: str = "127.0.0.1",
        token: str | None = None,
        names: Iterable[str] = (),
    ) -> None:
        self.live = live
        family, address = _resolve(host, port)
        self.address_family = family
        self.local = is_loopback(address)
        chosen = check_token(token) if token else None
        self.token = chosen if chosen or self.local else secrets.token_urlsafe(24)
        own = {"localhost", host, socket.gethostname(), f"{socket.gethostname()}.local", *names}
        self.names = frozenset(n.lower().rstrip(".") for n in own)
        self.page = PAGE.read_text(encoding="utf-8")
        self.policy = content_policy(self.page)
        self.closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._connections = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self.viewers = threading.BoundedSemaphore(MOST_VIEWERS)
        try:
            super().__init__((address, port), Handler)
        except OSError as error:
            raise UsageError(_why_not(host, port, error)) from error
        self.port = int(self.server_address[1])
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="page", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.closing.set()
        self.live.close()
        self.shutdown()
        self.server_close()
        for connection in tuple(self._open):  # idle ones would be answered for a while yet
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @cached_property
    def url(self) -> str:
        """The page's address as a browser on this machine, or else on this network, takes it."""
        host = str(self.server_address[0])
        if ipaddress.ip_address(host).is_unspecified:
            host = _outward_address() or socket.gethostname()
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection its thread, unless there are too many."""
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._open.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A viewer went away; anything else is a fault of ours, for the log."""
        del request, client_address
        log.debug("a connection ended", exc_info=True)


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, str]:
    """Family and address of a host's name.

    Raises:
        UsageError: if it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"--host: expected a name or address of this machine, but got {host!r}"
        ) from error
    return found[0][0], str(found[0][4][0])


def _why_not(host: str, port: int, error: OSError) -> str:
    where = f"--serve: can't listen at {host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{where}, the port is taken; choose another, or 0 for any that is free"
    if error.errno == errno.EACCES:
        return f"{where}, not permitted; choose a port from 1024 on"
    return f"{where} ({error.strerror or error})"


def _outward_address() -> str | None:
    """The address by which others on the network reach this machine; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of the documentation's range (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return None
