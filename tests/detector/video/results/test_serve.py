"""The page's server on loopback: answers, refusals, slow viewers, ends."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from data.exceptions import UsageError
from detector.video.results import handler as handler_module
from detector.video.results import live as live_module
from detector.video.results import serve as serve_module
from detector.video.results.hub import Hub, Outlet
from detector.video.results.live import Live, Pictures, shrink
from detector.video.results.serve import PageServer
from detector.video.types import Outage

TOKEN = "a-token-of-sixteen"


@pytest.fixture
def live() -> Live:
    return Live(["door"])


@pytest.fixture
def hub(live) -> Hub:
    return Hub(outlets=[Outlet("page", live.update, live.note)])


@contextmanager
def get(server: PageServer, path: str, method: str = "GET", **headers: str):
    """The answer to one request, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        with connection.getresponse() as answer:  # else it keeps the connection open
            yield answer
    finally:
        connection.close()


def body(server: PageServer, path: str, **headers: str) -> tuple[int, bytes]:
    with get(server, path, **headers) as answer:
        return answer.status, answer.read()


def state(server: PageServer, after: int = 0) -> dict:
    status, content = body(server, f"/state.json?after={after}")
    assert status == 200
    return json.loads(content)


def parts(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """The JPEGs of a motion-JPEG answer, as they come."""
    boundary = b"--" + answer.headers.get_boundary().encode() + b"\r\n"
    kept = b""
    while True:
        while boundary not in kept:
            if not (more := answer.read1(65536)):
                return
            kept += more
        part, _, kept = kept.partition(boundary)
        head, _, jpeg = part.partition(b"\r\n\r\n")
        if jpeg:
            assert head == b"Content-Type: image/jpeg"
            yield jpeg.removesuffix(b"\r\n")


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def grey(value: int, shape=(60, 80, 3)) -> np.ndarray:
    return np.full(shape, value, np.uint8)


def mean_of(jpeg: bytes) -> float:
    return float(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).mean())


def test_page_and_its_headers(live) -> None:
    with PageServer(live, 0) as server, get(server, "/") as answer:
        assert answer.status == 200
        assert answer.read().startswith(b"<!doctype html>")
        assert answer.getheader("Content-Security-Policy").startswith("default-src 'none'")
        assert answer.getheader("X-Frame-Options") == "DENY"
        assert answer.getheader("X-Content-Type-Options") == "nosniff"
        assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
        assert answer.getheader("Server").strip() == "maskwatch"
        assert server.url == f"http://127.0.0.1:{server.port}/"


def test_counters_and_events(live, hub, make_result) -> None:
    with PageServer(live, 0) as server, hub:
        (empty,) = state(server)["sources"]
        assert (empty["name"], empty["age"], empty["live"]) == ("door", None, False)
        hub(make_result(0, {1: "incorrect"}), grey(0))
        hub(make_result(1, {1: "incorrect", 2: "with_mask"}, dropped=3), grey(0))
        hub(make_result(0, {1: "unsure"}, source="<b>&"), grey(0))
        found = state(server)
        door, odd = found["sources"]
        assert door["now"] == {"with_mask": 1, "without_mask": 0, "incorrect": 1, "unsure": 0}
        assert (door["most"], door["dropped"], door["width"], door["height"]) == (2, 3, 80, 60)
        assert odd["name"] == "<b>&"
        assert [e["track"] for e in found["events"]] == [1, 2, 1]
        assert [e["id"] for e in state(server, 2)["events"]] == [3]
        assert len(state(server, 99)["events"]) == 3  # of an earlier run: gets all


@pytest.mark.parametrize("after", ["x", "-1", "1e9", "9" * 30, "%00"])
def test_odd_numbers_are_no_trouble(live, after) -> None:
    with PageServer(live, 0) as server:
        assert state(server, after)["events"] == []


def test_memory_of_events_is_bounded(live, hub, make_result) -> None:
    for n in range(300):
        hub(make_result(n, {n + 1: "with_mask"}, closed=[n]), grey(0))
    assert len(live.state()["events"]) == live_module.MOST_EVENTS


def test_health(live, hub, make_result, monkeypatch) -> None:
    with PageServer(live, 0) as server:
        assert body(server, "/health")[0] == 503
        assert json.loads(body(server, "/health")[1])["status"] == "no picture yet"
        hub(make_result(0), grey(0))
        status, content = body(server, "/health?source=door")
        assert (status, json.loads(content)["status"]) == (200, "ok")
        assert body(server, "/health?source=window")[0] == 503
        monkeypatch.setattr(live_module, "STALE_AFTER", 0.0)
        status, content = body(server, "/health")
        assert (status, json.loads(content)["status"]) == (503, "stopped")
        hub(make_result(1), grey(0))
        monkeypatch.undo()
        assert body(server, "/health")[0] == 200


def test_a_lost_source_is_told_at_once(live, hub, make_result) -> None:
    with PageServer(live, 0) as server:
        hub.note(Outage("door", True, "refused", 0.0, 0.0, 0.0))  # before its first picture
        assert json.loads(body(server, "/health")[1])["status"] == "lost"
        hub(make_result(0, {1: "with_mask"}), grey(0))
        hub(make_result(0, source="window"), grey(0))
        hub.note(Outage("door", True, "no picture for 10 s", 0.0, 1.0, 1.0))
        status, content = body(server, "/health")
        health = json.loads(content)
        assert (status, health["status"]) == (200, "partly")
        assert health["sources"]["door"]["lost"] == "no picture for 10 s"
        assert health["sources"]["window"]["lost"] is None
        status, content = body(server, "/health?source=door")
        assert (status, json.loads(content)["status"]) == (503, "lost")
        told = state(server)
        assert told["sources"][0]["live"] is False
        assert sum(told["sources"][0]["now"].values()) == 0
        kinds = [e["event"] for e in told["events"]]
        assert kinds == ["source_lost", "opened", "source_lost", "closed"]
        hub.note(Outage("door", False, "", 3.0, 4.0, 4.0))
        hub(make_result(40), grey(0))
        assert json.loads(body(server, "/health")[1])["status"] == "ok"
        assert state(server)["events"][-1]["event"] == "source_back"


def test_stream_shows_the_newest(live, hub, make_result) -> None:
    with PageServer(live, 0) as server:
        hub(make_result(0), grey(10))
        with get(server, "/stream?source=door") as answer:
            pictures = parts(answer)
            assert mean_of(next(pictures)) == pytest.approx(10, abs=2)
            for value in (50, 100, 200):
                hub(make_result(1), grey(value))
            last = next(pictures)
            while mean_of(last) < 190:
                last = next(pictures)
        status, jpeg = body(server, "/picture.jpg")
        assert status == 200
        assert mean_of(jpeg) == pytest.approx(200, abs=2)


def test_nothing_is_encoded_unless_somebody_watches_and_then_once(live, hub, make_result) -> None:
    pictures = live.pictures("door")
    with PageServer(live, 0) as server:
        for n in range(20):
            hub(make_result(n), grey(n))
        assert pictures.encoded == 0
        with get(server, "/stream") as first, get(server, "/stream") as second:
            streams = parts(first), parts(second)
            for n in range(20, 25):
                hub(make_result(n), grey(10 * (n - 20)))
                for stream in streams:
                    while mean_of(next(stream)) < 10 * (n - 20) - 4:
                        pass
        assert 5 <= pictures.encoded <= 6


def test_viewer_that_never_reads_holds_up_nobody(live, hub, make_result, monkeypatch) -> None:
    patience = 2.0
    monkeypatch.setattr(handler_module.Handler, "timeout", patience)
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (360, 640, 3), np.uint8) for _ in range(3)]  # large as JPEG
    with PageServer(live, 0) as server:
        hub(make_result(0), noise[0])
        with socket.create_connection(("127.0.0.1", server.port)) as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            longest = 0.0
            with get(server, "/stream") as answer:
                pictures = parts(answer)
                end = time.monotonic() + patience + 1
                seen = 0
                while time.monotonic() < end:
                    began = time.monotonic()
                    hub(make_result(1), noise[seen % 3])
                    longest = max(longest, time.monotonic() - began)
                    next(pictures)
                    seen += 1
            assert seen > 5
            assert longest < patience / 2
            # The lazy one is let go, though its own connection is still open.
            until(lambda: server.viewers._value == serve_module.MOST_VIEWERS)


def test_viewer_that_leaves_while_no_picture_comes_is_noticed(live, hub, make_result) -> None:
    with PageServer(live, 0) as server:
        hub(make_result(0), grey(0))
        with get(server, "/stream") as answer:
            next(parts(answer))
            assert server.viewers._value == serve_module.MOST_VIEWERS - 1
        until(lambda: server.viewers._value == serve_module.MOST_VIEWERS)


def test_many_viewers_are_refused_not_queued(live, hub, make_result, monkeypatch) -> None:
    monkeypatch.setattr(serve_module, "MOST_VIEWERS", 1)
    with PageServer(live, 0) as server:
        hub(make_result(0), grey(0))
        with get(server, "/stream") as first:
            next(parts(first))
            assert body(server, "/stream") == (503, b"too many viewers\n")


def test_too_many_connections_are_closed(live, monkeypatch) -> None:
    monkeypatch.setattr(serve_module, "MOST_CONNECTIONS", 2)
    with PageServer(live, 0) as server:
        address = ("127.0.0.1", server.port)
        with (
            socket.create_connection(address),
            socket.create_connection(address),
            socket.create_connection(address, timeout=10) as third,
        ):
            assert third.recv(10) == b""
        until(lambda: server._connections._value == 2)
        assert body(server, "/health")[0] == 503


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        pytest.param("/", "evil.example", 421, id="rebound name"),
        pytest.param("/state.json", "localhost.evil.example", 421, id="longer name"),
        pytest.param("/", "localhost:1", 200, id="forwarded port"),
        pytest.param("/", "proxy.example", 200, id="allowed name"),
        pytest.param("/../etc/passwd", "localhost", 404, id="other path"),
        pytest.param("http://[", "localhost", 400, id="broken address"),
        pytest.param("/?" + "a=1&" * 50, "localhost", 400, id="many fields"),
    ],
)
def test_refusals(live, path, host, status) -> None:
    with PageServer(live, 0, names=["proxy.example"]) as server:
        assert body(server, path, Host=host)[0] == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_but_reading(live, method) -> None:
    with PageServer(live, 0) as server, get(server, "/", method) as answer:
        assert answer.status == 501


def test_head_has_no_body(live, hub, make_result) -> None:
    with PageServer(live, 0) as server:
        hub(make_result(0), grey(0))
        for path in ("/", "/stream", "/picture.jpg", "/health"):
            with get(server, path, "HEAD") as answer:
                assert (answer.status, answer.read()) == (200, b"")


def test_token(live, hub, make_result) -> None:
    with PageServer(live, 0, token=TOKEN) as server:
        hub(make_result(0), grey(0))
        for path in ("/", "/stream", "/picture.jpg", "/state.json", "/?token=wrong"):
            assert body(server, path)[0] == 403
        assert body(server, "/state.json", Cookie=f"maskwatch_{server.port}=wrong")[0] == 403
        # /health tells its status, not what there is to see.
        assert json.loads(body(server, "/health")[1]) == {"status": "ok"}
        assert body(server, "/state.json", Authorization=f"Bearer {TOKEN}")[0] == 200
        with get(server, f"/?token={TOKEN}") as answer:
            assert (answer.status, answer.getheader("Location")) == (303, "/")
            cookie = answer.getheader("Set-Cookie")
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert body(server, "/", Cookie=cookie.partition(";")[0])[0] == 200
        assert server.url.endswith(f"/?token={TOKEN}")


def test_beyond_this_machine_a_token_is_made(live) -> None:
    with PageServer(live, 0, host="0.0.0.0") as server, PageServer(live, 0, "0.0.0.0") as other:
        assert not server.local
        assert len(server.token) >= 32
        assert server.token != other.token
        assert "0.0.0.0" not in server.url
        assert body(server, "/state.json")[0] == 403


def test_ipv6(live) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        server = PageServer(live, 0, "::1")
    except UsageError as error:
        pytest.skip(f"no IPv6 loopback: {error}")
    with server:
        assert server.local
        assert server.url == f"http://[::1]:{server.port}/"


def test_port_taken_is_one_line(live) -> None:
    with PageServer(live, 0) as server, pytest.raises(UsageError) as caught:
        PageServer(live, server.port)
    assert "the port is taken; choose another" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_host(live) -> None:
    with pytest.raises(UsageError, match="expected a name or address of this machine"):
        PageServer(live, 0, "no such host")


def test_leaving_lets_viewers_go(live, hub, make_result) -> None:
    with PageServer(live, 0) as server:
        hub(make_result(0), grey(0))
        seen, ended = threading.Event(), threading.Event()

        def watch() -> None:
            with get(server, "/stream") as answer:
                for _ in parts(answer):
                    seen.set()
            ended.set()

        thread = threading.Thread(target=watch)
        thread.start()
        assert seen.wait(10)
    assert ended.wait(10)
    thread.join()
    with pytest.raises(ConnectionRefusedError):
        body(server, "/")


def test_pictures_wait_times_out() -> None:
    assert Pictures().wait(0, 0.01) is None


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((720, 1280), (720, 1280)), ((2160, 3840), (720, 1280)), ((1, 5000), (1, 1280))],
)
def test_large_pictures_are_made_smaller(shape, expected) -> None:
    assert shrink(np.zeros((*shape, 3), np.uint8)).shape == (*expected, 3)
