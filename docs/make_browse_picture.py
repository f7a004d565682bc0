"""Makes docs/browse.jpg, FiftyOne's App at the mistakes on the demo's set:

uv run maskwatch demo --out demo
uv run python docs/make_browse_picture.py demo/set
"""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from data.images import decode_image, write_image

OUT = Path(__file__).with_name("browse.jpg")
WIDTH, HEIGHT = 1280, 800
MS = 300_000


def shoot(url: str) -> bytes:
    """A PNG of the App, when its patches are drawn."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(MS)
        page.goto(url)
        page.locator('[data-cy="looker"]').first.wait_for()
        page.get_by_text("Dismiss", exact=True).first.click()
        settle(page)
        picture = page.screenshot()
        browser.close()
    return picture


def settle(page: Page) -> None:
    """Until two looks, two seconds apart, are the same."""
    before = b""
    while (now := page.screenshot()) != before:
        before = now
        page.wait_for_timeout(2000)


if __name__ == "__main__":
    code = "import sys; from eval.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "browse", *sys.argv[1:], "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as browse:  # noqa: S603
        line = browse.stdout.readline() if browse.stdout else ""
        match = re.search(r"http://\S+", line)
        try:
            if match is None:
                sys.exit("maskwatch browse didn't start")
            image = decode_image(shoot(match.group()), "screenshot")
            write_image(OUT, np.ascontiguousarray(image), 85)
        finally:
            browse.send_signal(signal.SIGINT)
