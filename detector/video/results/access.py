"""Who may see the page: loopback, tokens, names of hosts, and what browsers may do with it."""

import base64
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Collection
from http.cookies import CookieError, SimpleCookie

from data.exceptions import UsageError

TOKEN_VARIABLE = "MASKWATCH_TOKEN"  # noqa: S105
SECRET_VARIABLE = "MASKWATCH_WEBHOOK_SECRET"  # noqa: S105
"""Where secrets come from in the environment; they aren't passed on to other programs."""

LEAST_TOKEN = 16
_TOKEN = re.compile(rf"[A-Za-z0-9_\-.~]{{{LEAST_TOKEN},200}}")  # what needs no escape (RFC 3986)


def check_token(token: str) -> str:
    """A token that a user chose, if it can stand in a URL and isn't guessed soon.

    Raises:
        UsageError: if it is too short or holds other signs; the message doesn't repeat it.
    """
    if not _TOKEN.fullmatch(token):
        raise UsageError(
            f"expected a token of {LEAST_TOKEN} to 200 letters, digits, and - _ . ~, but got one "
            f"of {len(token)} signs; leave it out and one is made"
        )
    return token


def is_loopback(address: str) -> bool:
    """Whether an IP address reaches this machine only."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def host_is_known(header: str | None, names: Collection[str]) -> bool:
    """Whether a request's Host header names this server by an IP address or a known name.

    A page on another site can make its own name point to us (DNS rebinding), but then that name
    stands in the header; an IP address can't be rebound. Ports aren't compared: they may be
    forwarded.

    Args:
        header: such as "localhost:8080" or "[::1]:8080"; None where the request has none.
        names: known names, lower case.
    """
    if not header:
        return False
    host = re.sub(r":\d*$", "", header.strip()).lower().rstrip(".")
    if host in names:
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return host.startswith("[") == host.endswith("]")


def token_is_right(token: str, given: Collection[str]) -> bool:
    """Whether one of the tokens that a request brings is the one; takes the same time for all."""
    right = [hmac.compare_digest(g.encode(), token.encode()) for g in given]  # all of them
    return any(right)


def cookie_value(header: str | None, name: str) -> str | None:
    """A cookie's value in a request's Cookie header."""
    try:
        morsel = SimpleCookie(header or "").get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None


def content_policy(page: str) -> str:
    """The Content-Security-Policy of a page: its own script and style, our pictures, no more.

    Script and style are allowed by their hashes (CSP level 2), so that nothing that is injected
    runs.
    """
    scripts = " ".join(_hashes(page, "script"))
    styles = " ".join(_hashes(page, "style"))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hashes(page: str, element: str) -> list[str]:
    found = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
    digests = (hashlib.sha256(text.encode()).digest() for text in found)
    return [f"'sha256-{base64.b64encode(d).decode('ascii')}'" for d in digests]
