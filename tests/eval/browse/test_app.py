"""`maskwatch browse` in FiftyOne's real App, with a real mongod, in a real browser.

Time-outs are for busy machines: all of it takes half a minute on an idle one.
"""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from data.dataset import find_samples, read_labels

pytestmark = pytest.mark.browser

SECONDS = 240
MS = SECONDS * 1000


class Browse:
    """A `maskwatch browse` that serves the App."""

    def __init__(self, mistakes, *more: str) -> None:
        models = ["--predictions", str(mistakes.first), "--predictions", str(mistakes.second)]
        self.log = mistakes.root.with_name(f"browse-{len(more)}.log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*program("browse", mistakes.root), *models, "--no-open", *more],
                env=mistakes.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self.process.stdout.readline()
        match = re.search(r"http://\S+", line)
        assert match, self.log.read_text()
        self.url = match.group()

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        self.process.communicate(timeout=SECONDS)
        return self.process.returncode


def program(*arguments: object) -> list[str]:
    # A background job's children ignore Ctrl-C, unless they say otherwise.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from eval.cli.main import main; sys.exit(main())"
    )
    return [sys.executable, "-c", code, *map(str, arguments)]


def run(mistakes, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program("browse", mistakes.root, *arguments),
        env=mistakes.environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.fixture(scope="module")
def browse(mistakes):
    app = Browse(mistakes)
    yield app
    if app.process.poll() is None:
        app.end(signal.SIGKILL)


def cy(page: Page, name: str):
    """Elements by the name that FiftyOne gives them for tests of its own."""
    return page.locator(f'[data-cy="{name}"]')


@pytest.fixture
def page(browse, browser):
    """The App in a browser, at the view it opens with, without the pop-over."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(MS)
    expect.set_options(timeout=MS)
    page.goto(browse.url)
    cy(page, "looker").first.wait_for()
    # An event, not a click: a picture that is open may lie over the pop-over.
    page.add_locator_handler(
        page.get_by_text("Dismiss", exact=True), lambda found: found.first.dispatch_event("click")
    )
    yield page
    page.close()


def count_patches(page: Page, number: int) -> None:
    expect(cy(page, "entry-counts")).to_contain_text(re.compile(rf"\b{number} patch"))


def test_mistakes_are_seen_filtered_tagged_and_exported(page, browse, mistakes, tmp_path):
    count_patches(page, 3)
    expect(cy(page, "saved-views-selection")).to_contain_text("first: all mistakes")

    # Another saved view shows fewer.
    cy(page, "saved-views-selection").click()
    cy(page, "saved-views-first-false-alarms-selection-option").click()
    count_patches(page, 1)
    expect(cy(page, "tag-first").first).to_contain_text("incorrect")

    # The false alarm is a face that nobody labelled: tagged so in the App.
    cy(page, "looker").first.hover()
    page.locator('[data-cy^="looker-checkbox-"]:not(input)').first.click()
    cy(page, "action-tag-sample-labels").first.click()
    cy(page, "tagger-switch-label").click()  # of patches only their labels can be tagged
    cy(page, "label-tag-input").fill("accept")
    page.keyboard.press("Enter")
    cy(page, "button-Apply").click()
    expect(cy(page, "button-Apply")).to_have_count(0)

    # The first run has the App open still: two use one database.
    out = tmp_path / "fixed"
    done = run(mistakes, "--export", out)
    assert done.returncode == 0, done.stderr
    assert "1 pictures" in done.stdout
    (sample,) = find_samples(out)
    assert sample.image.stem == "alarm"
    assert read_labels(sample.label, 256, 256).class_ids.tolist() == [1, 2]


def test_a_class_edited_by_hand_is_exported(page, mistakes, tmp_path):
    cy(page, "saved-views-selection").click()
    cy(page, "saved-views-first-missed-faces-selection-option").click()
    expect(cy(page, "tag-ground_truth").first).to_contain_text("without_mask")
    cy(page, "looker").first.click()
    cy(page, "annotate").click()
    classes = cy(page, "root_label_container")
    expect(classes.get_by_role("radio")).to_have_count(3)
    classes.get_by_role("radio", name="incorrect").click()
    expect(classes.get_by_role("radio", name="incorrect")).to_be_checked()
    expect(cy(page, "annotation-save-state")).to_have_attribute("data-settled", "true")

    out = tmp_path / "fixed"
    done = run(mistakes, "--export", out)
    assert done.returncode == 0, done.stderr
    (label,) = [each.label for each in find_samples(out) if each.image.stem == "missed"]
    boxes = read_labels(label, 256, 256)
    assert boxes.class_ids.tolist() == [2]
    assert boxes.xyxy[0].tolist() == pytest.approx([60, 45, 160, 185], abs=0.01)


def test_second_browse_at_once_and_kill_leaves_no_orphan(browse, mistakes):
    port = urlsplit(browse.url).port
    taken = run(mistakes, "--port", port, "--predictions", mistakes.first)
    assert taken.returncode == 2
    assert taken.stderr.count("\n") == 1
    assert f"port {port}" in taken.stderr
    second = Browse(mistakes, "--split", "val")
    assert second.url != browse.url
    assert "127.0.0.1" in second.url
    state = Path(mistakes.environment["XDG_CACHE_HOME"]) / "maskwatch/browse/mongod.json"
    pid = json.loads(state.read_text())["pid"]
    assert second.end(signal.SIGINT) == 0
    assert "Traceback" not in second.log.read_text()
    assert Path(f"/proc/{pid}").exists()
    browse.end(signal.SIGKILL)
    deadline = time.monotonic() + SECONDS
    while Path(f"/proc/{pid}").exists() or listens(port):
        assert time.monotonic() < deadline, "mongod or the App outlives its user"
        time.sleep(0.1)
    # What was tagged before is whole.
    done = run(mistakes, "--export", mistakes.root.with_name("after"), "--tag", "accept")
    assert done.returncode == 0, done.stderr


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
