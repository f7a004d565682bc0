"""Alerts reach a real server, which may hang, fail, redirect or be away."""

import hashlib
import hmac
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from data.exceptions import UsageError
from detector.video.results.webhook import Webhook, parse_url, public_name

ALERT = {"alert": "incorrect", "source": "Tür", "track": 1}
NONE = (0.01, 0.01, 0.01)  # waits before retries


@dataclass
class Receiver:
    """A server that answers as told, the last answer again and again."""

    answers: list[int] = field(default_factory=lambda: [204])
    hang: threading.Event | None = None
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        size = int(handler.headers["Content-Length"] or 0)
        self.got.append((handler.path, dict(handler.headers), handler.rfile.read(size)))
        if self.hang is not None:
            self.hang.wait(20)
        code = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        handler.send_response(code)
        if 300 <= code < 400:
            handler.send_header("Location", f"{self.url}/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.answer(self)

        def do_GET(self) -> None:
            told.answer(self)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    server.handle_error = lambda *args: None  # clients that gave up
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    yield told
    if told.hang:
        told.hang.set()
    server.shutdown()
    thread.join()
    server.server_close()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def messages(caplog) -> list[str]:
    return [r.message for r in caplog.records if r.levelno >= logging.WARNING]


def test_json_signature_and_credentials(receiver) -> None:
    url = receiver.url.replace("http://", "http://me:p%40ss@") + "/hook/secret?x=1#part"
    with Webhook(url, b"key", waits=NONE) as send:
        send.put(ALERT)
    ((path, headers, body),) = receiver.got
    assert path == "/hook/secret?x=1"
    assert json.loads(body) == ALERT
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Basic bWU6cEBzcw=="  # me:p@ss
    signature = hmac.new(b"key", body, hashlib.sha256).hexdigest()
    assert headers["X-Maskwatch-Signature"] == f"sha256={signature}"


def test_no_signature_without_a_secret(receiver) -> None:
    with Webhook(receiver.url) as send:
        send.put(ALERT)
    assert "X-Maskwatch-Signature" not in receiver.got[0][1]


@pytest.mark.parametrize(
    ("answers", "tries", "why"),
    [
        pytest.param([500, 200], 2, None, id="500 then 200"),
        pytest.param([429, 503, 200], 3, None, id="too many, away, 200"),
        pytest.param([500], 4, "it answered 500", id="500 for ever"),
        pytest.param([404], 1, "it answered 404", id="404"),
        pytest.param([302], 1, "a redirect; name the final address", id="302"),
        pytest.param([307], 1, "a redirect; name the final address", id="307"),
    ],
)
def test_tries(receiver, caplog, answers, tries, why) -> None:
    receiver.answers = answers
    with Webhook(receiver.url, waits=NONE) as send:
        send.put(ALERT)
        until(lambda: send._done)
    assert len(receiver.got) == tries
    assert all(path in ("", "/") for path, _, _ in receiver.got)
    assert len({headers["X-Maskwatch-Delivery"] for _, headers, _ in receiver.got}) == 1
    assert len(messages(caplog)) == (1 if why else 0)
    assert not why or why in messages(caplog)[0]


def test_lost_alerts_are_named_once_and_secrets_never(receiver, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answers = [500]
    url = receiver.url.replace("http://", "http://me:hidden1@") + "/hidden2?t=hidden3"
    with Webhook(url, b"hidden4", waits=()) as send:
        for _ in range(5):
            send.put(ALERT)
        until(lambda: send._done == 5)
        receiver.answers = [200]
        send.put(ALERT)
    assert messages(caplog) == [
        f"webhook {receiver.url}: an alert is lost (it answered 500); the video goes on",
        f"webhook {receiver.url}: works again after 5 failures",
    ]
    assert "hidden" not in caplog.text


def test_server_that_hangs_never_holds_up_the_video(receiver, caplog) -> None:
    receiver.hang = threading.Event()
    webhook = Webhook(receiver.url, timeout=0.3, waits=(30.0,))
    webhook._patience = 0.5
    with webhook as send:
        began = time.monotonic()
        for _ in range(200):
            send.put(ALERT)
        assert time.monotonic() - began < 2
        assert send.dropped == 200 - 64
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert sum("some are dropped" in m for m in messages(caplog)) == 1
    assert sum("gave up" in m for m in messages(caplog)) == 1


def test_nobody_listens(caplog) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with Webhook(f"http://127.0.0.1:{port}/", waits=NONE) as send:
            send.put(ALERT)
    assert "refused" in messages(caplog)[0]


def test_garbage_for_an_answer(caplog) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def answer() -> None:
            server.settimeout(0.1)
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"\x00\xffnonsense\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with Webhook(f"http://127.0.0.1:{server.getsockname()[1]}", waits=(0.01,)) as send:
            send.put(ALERT)
        stop.set()
        thread.join()
    assert len(messages(caplog)) == 1
    assert "an alert is lost" in messages(caplog)[0]


@pytest.mark.parametrize(
    "url",
    [
        *("", "example.org", "ftp://example.org/", "file:///etc/passwd", "http://", "http:///x"),
        *("http://a:b@/", "http://example.org:99999/", "http://exa mple.org/", "javascript:1"),
        *("http://example.org/\r\nX: y", "http://[::1/", "http://exämple.org/", "http://x:0/"),
    ],
)
def test_only_http_and_https(url) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(url)
    assert "only http and https" in str(caught.value)
    assert len(url) < 8 or url not in str(caught.value)


def test_public_name_hides_what_may_be_secret() -> None:
    parts = parse_url("https://me:word@example.org:8443/T0/B0?token=x")
    assert public_name(parts) == "https://example.org:8443"
