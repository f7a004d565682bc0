"""Who may see the page."""

import re

import pytest

from data.exceptions import UsageError
from detector.video.results.access import (
    check_token,
    content_policy,
    cookie_value,
    host_is_known,
    is_loopback,
    token_is_right,
)
from detector.video.results.serve import PAGE

NAMES = {"localhost", "camera.lan"}


@pytest.mark.parametrize(
    ("header", "known"),
    [
        *(("localhost:8080", True), ("LOCALHOST", True), ("camera.lan.:80", True)),
        *(("127.0.0.1:8080", True), ("192.168.1.7", True), ("[::1]:8080", True)),
        *((None, False), ("", False), ("evil.example:8080", False), ("127.0.0.1.evil.test", False)),
        *(("localhost.evil.example", False), ("[::1", False), ("::1]", False), ("0x7f.1", False)),
        *(("localhost:80:80", False), ("user@localhost", False), ("localhost/", False)),
    ],
)  # fmt: skip
def test_hosts(header, known) -> None:
    assert host_is_known(header, NAMES) is known


@pytest.mark.parametrize(
    ("address", "local"),
    [
        *(("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False)),
        *(("::", False), ("192.168.1.7", False), ("fe80::1%eth0", False), ("localhost", False)),
    ],
)
def test_loopback(address, local) -> None:
    assert is_loopback(address) is local


def test_tokens() -> None:
    token = "a" * 16
    assert check_token(token) == token
    assert token_is_right(token, ["", token])
    assert not token_is_right(token, [])
    assert not token_is_right(token, ["", "a" * 15, "ä" * 16, token.upper()])


@pytest.mark.parametrize("token", ["short", "a" * 201, "a" * 16 + "&", "ä" * 16, "a b" * 8])
def test_weak_and_odd_tokens(token) -> None:
    with pytest.raises(UsageError) as caught:
        check_token(token)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        *((None, None), ("", None), ("a=1; m=xyz; b=2", "xyz"), ("a=1", None)),
        *(('m="x y"', "x y"), ("\x00;=;;m=1", None)),
    ],
)
def test_cookies(header, value) -> None:
    assert cookie_value(header, "m") == value


def test_page_is_self_contained_and_names_no_other_host() -> None:
    page = PAGE.read_text("utf-8")
    assert set(re.findall(r"https?://[^\s'\"]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval)\b", page)
    assert not re.search(r"\son\w+=|style=\"", page)  # the policy would block them
    policy = content_policy(page)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
