"""The page in a real browser: desktop, phone, dark, hostile names, a server that comes back."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from detector.video.results import live as live_module
from detector.video.results.hub import Hub, Outlet
from detector.video.results.live import Live
from detector.video.results.places import parse_line, parse_zone
from detector.video.results.serve import PageServer
from detector.video.types import Outage

pytestmark = pytest.mark.browser

expect.set_options(timeout=20_000)  # a busy machine is no fault of the page

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 860}
HOSTILE = "<img src=x onerror=alert(1)>"
TOKEN = "a-token-of-sixteen"

OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Opens an address in a fresh profile; fails if the page logged an error."""
    contexts, errors = [], []

    def open_at(url: str, size: dict[str, int] = DESKTOP, scheme: str = "light") -> Page:
        context = browser.new_context(viewport=size, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.goto(url, wait_until="domcontentloaded")
        return page

    yield open_at
    for context in contexts:
        context.close()
    # A server that is gone and a script that is blocked are there on purpose.
    on_purpose = ("Failed to load resource", "Executing inline script violates")
    assert not [e for e in errors if not e.startswith(on_purpose)]


@pytest.fixture
def scene(make_result, zidane_image):
    """Two people; the left one walks over the line into the zone and puts the mask on."""

    def play(hub: Hub, frames: int = 12, source: str = "door") -> None:
        for n in range(frames):
            x = 150 + 60 * n
            state = "without_mask" if n < 6 else "with_mask"
            faces = {
                1: (state, (x, 200, x + 160, 400)),
                2: ("incorrect", (1000, 150, 1100, 280)),
            }
            result = make_result(n, faces, source=source, image=zidane_image)
            drawn = zidane_image.copy()
            hub.paint(result, drawn)
            hub(result, drawn)

    return play


def make_hub(live: Live) -> Hub:
    zone = parse_zone("desk=.5,.1,.95,.1,.95,.9,.5,.9")
    return Hub([zone], [parse_line("mid=.4,0,.4,1")], [Outlet("page", live.update, live.note)])


def wait_for(page: Page, condition: str) -> None:
    """Wait until JavaScript says so; Playwright's own way needs `eval`, which the page forbids."""
    end = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(30)


def row(page: Page, table: str, number: int) -> list[str]:
    return page.locator(f"#{table} tr").nth(number).locator("th, td").all_inner_texts()


def test_picture_counters_and_events(open_page, scene) -> None:
    live = Live(["door"])
    hub = make_hub(live)
    with PageServer(live, 0) as server:
        page = open_page(server.url)
        expect(page.locator("#notice")).to_have_text("Waiting for the first picture")
        scene(hub)
        expect(page.locator("#status")).to_have_text("live", timeout=20_000)
        expect(page.locator("#now")).to_have_text("2")
        wait_for(page, "picture.naturalWidth === 1280 && picture.naturalHeight === 720")
        assert [t.strip() for t in row(page, "states", 0)] == ["✓worn", "1", "1"]
        assert [t.strip() for t in row(page, "states", 2)] == ["!worn wrongly", "1", "1"]
        assert row(page, "zones", 0) == ["desk", "2", "1", "2"]
        assert row(page, "lines", 0) == ["mid", "0", "1"]
        events = page.locator("#events li .what").all_inner_texts()
        assert events[0] == "Person 1 entered desk · wears a mask"
        assert "Person 1 wears a mask · before: none" in events
        assert "Person 1 crossed mid, out · wears a mask" in events
        assert events[-1] == "Person 1 appeared · wears no mask"
        assert page.locator("img").get_attribute("alt").startswith("Live picture of door")


def test_a_lost_source_is_seen(open_page, scene) -> None:
    live = Live(["door"])
    hub = make_hub(live)
    with PageServer(live, 0) as server:
        page = open_page(server.url)
        hub.note(Outage("door", True, HOSTILE, 0.0, 0.0, 0.0))
        expect(page.locator("#notice")).to_have_text(f"Lost ({HOSTILE}); trying again")
        scene(hub)
        expect(page.locator("#now")).to_have_text("2")
        hub.note(Outage("door", True, "no picture for 10 s", 0.0, 0.0, 1.0))
        expect(page.locator("#status")).to_have_text("lost")
        expect(page.locator("#notice")).to_have_text("Lost (no picture for 10 s); trying again")
        expect(page.locator("#now")).to_have_text("0")
        hub.note(Outage("door", False, "", 75.0, 75.0, 75.0))
        scene(hub)
        expect(page.locator("#status")).to_have_text("live")
        events = page.locator("#events li .what").all_inner_texts()
        assert "The source is back · after 1 min 15 s" in events
        assert "Connection to the source lost · no picture for 10 s" in events


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_shows_all_without_sideways_scrolling(open_page, scene, scheme) -> None:
    live = Live()
    hub = make_hub(live)
    scene(hub)
    scene(hub, source="a source with quite a long name of its own")
    with PageServer(live, 0) as server:
        page = open_page(server.url, PHONE, scheme)
        wait_for(page, "picture.naturalWidth > 0")
        expect(page.locator("#status")).to_have_text("live")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        box = page.locator("#picture").bounding_box()
        assert box["width"] == pytest.approx(390, abs=3)
        assert box["height"] == pytest.approx(390 * 720 / 1280, abs=3)
        buttons = page.locator("nav button")
        assert min(buttons.nth(i).bounding_box()["height"] for i in range(2)) >= 44  # WCAG 2.5.5
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (light == "rgb(244, 245, 247)") == (scheme == "light")


def test_sources_are_chosen(open_page, scene, make_result) -> None:
    live = Live(["door", "window"])
    hub = make_hub(live)
    scene(hub)
    hub(make_result(0, {5: "unsure"}, source="window"), np.zeros((60, 80, 3), np.uint8))
    with PageServer(live, 0) as server:
        page = open_page(server.url)
        expect(page.locator("#now")).to_have_text("2")
        page.get_by_role("button", name="window").click()
        expect(page.locator("#now")).to_have_text("1")
        wait_for(page, "picture.naturalWidth === 80")
        expect(page.get_by_role("button", name="window")).to_have_attribute("aria-pressed", "true")


def test_hostile_names_are_text(open_page, make_result) -> None:
    live = Live()
    hub = Hub(outlets=[Outlet("page", live.update, live.note)])
    hub(make_result(0, {1: "with_mask"}, source=HOSTILE), np.zeros((60, 80, 3), np.uint8))
    hub(make_result(0, {1: "with_mask"}, source="other"), np.zeros((60, 80, 3), np.uint8))
    with PageServer(live, 0) as server:
        page = open_page(server.url)
        page.on("dialog", lambda dialog: pytest.fail("a script ran"))
        expect(page.locator("#name")).to_have_text(HOSTILE)
        wait_for(page, "picture.naturalWidth === 80")
        assert page.locator("img").count() == 1
        # Even a script that got in wouldn't run.
        page.evaluate("document.body.append(Object.assign(document.createElement('script'),"
                      "{textContent: 'window.broken = 1'}))")  # fmt: skip
        assert page.evaluate("window.broken") is None


def test_stops_dies_and_comes_back(open_page, scene, monkeypatch) -> None:
    live = Live()
    hub = make_hub(live)
    with PageServer(live, 0) as server:
        scene(hub)
        page = open_page(server.url)
        expect(page.locator("#status")).to_have_text("live")
        monkeypatch.setattr(live_module, "STALE_AFTER", 0.5)
        expect(page.locator("#status")).to_have_text("stopped")
        expect(page.locator("#notice")).to_contain_text("No new picture for")
        port = server.port
    expect(page.locator("#status")).to_have_text("no connection")
    monkeypatch.undo()
    live = Live()
    hub = make_hub(live)
    scene(hub, 3)
    with PageServer(live, port):
        expect(page.locator("#status")).to_have_text("live")
        wait_for(page, "picture.complete && picture.naturalWidth === 1280")
        expect(page.locator("#notice")).to_be_hidden()


def test_token_in_the_address_becomes_a_cookie(open_page, scene) -> None:
    live = Live()
    scene(make_hub(live))
    with PageServer(live, 0, token=TOKEN) as server:
        page = open_page(server.url)
        expect(page.locator("#status")).to_have_text("live")
        wait_for(page, "picture.naturalWidth === 1280")
        assert TOKEN not in page.url
        assert TOKEN not in page.content()
        page.reload(wait_until="domcontentloaded")
        expect(page.locator("#status")).to_have_text("live")
        stranger = open_page(f"http://127.0.0.1:{server.port}/")
        assert "open the address with ?token=" in stranger.content()
