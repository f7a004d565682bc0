"""Makes the README's picture of the web page: `uv run python docs/make_page.py`.

A scene of one public-domain portrait in several masks goes through the real detector, tracker,
counters and server, and a real browser takes the pictures. Needs Chromium on the machine.
"""

import shutil
import threading
import time
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import sync_playwright

from data.extras import package_file
from data.images import Image, decode_image, read_image, write_image
from detector.runtime import Detector
from detector.video.pipeline import Detected
from detector.video.results.hub import Hub, Outlet
from detector.video.results.live import Live
from detector.video.results.places import parse_line, parse_zone
from detector.video.results.serve import PageServer
from detector.video.sources import Kind, Source
from detector.video.studio import Look, Studio
from detector.video.types import Frame
from synth.faces import dlib_finder, find_faces
from synth.mask import Mask
from synth.render import draw_mask
from synth.shapes import draw_shape
from synth.states import wear

DOCS = Path(__file__).parent
RATE = 12.0  # frames a second
FRAMES = 96
SIZE = 720, 1280

# Style, state, print, colour (RGB) of each portrait; None leaves it bare.
Worn = tuple[str, str, str, tuple[int, int, int]] | None
BARE: Worn = None
SURGICAL: Worn = ("surgical", "right", "plain", (150, 200, 225))
BLACK: Worn = ("kn95", "right", "plain", (28, 28, 30))
NOSE_OUT: Worn = ("surgical", "nose_out", "plain", (238, 240, 242))


def portrait(photo: Image, worn: Worn, seed: int) -> Image:
    """The astronaut's head and shoulders in a mask, (360, 300, 3)."""
    crop = photo[:330, 80:355]
    if worn is not None:
        (face,), _ = find_faces(photo, [], [dlib_finder])
        style, state, texture, colour = worn
        rng = np.random.default_rng(seed)
        shape = wear(draw_shape(rng, style), state, rng)
        mask = Mask(shape, np.array(colour) / 255, texture, seed)
        crop = draw_mask(photo, face.placement, face.box, mask, rng)[:330, 80:355]
    return np.asarray(cv2.resize(crop, (300, 360), interpolation=cv2.INTER_CUBIC), np.uint8)


def scene(photo: Image) -> list[Image]:
    """Frames in which one puts a mask on, one walks to the right, and one wears it wrongly."""
    bare, surgical, black, nose_out = (
        portrait(photo, w, n) for n, w in enumerate((BARE, SURGICAL, BLACK, NOSE_OUT))
    )
    ground = cv2.GaussianBlur(cv2.resize(photo, SIZE[::-1]), (0, 0), 40)
    frames = []
    for n in range(FRAMES):
        frame = ground.copy()
        share = min(1.0, n / 60)
        _put(frame, surgical if n > 40 else bare, 40, 330)
        _put(frame, black, round(120 + 360 * share), 20 + round(20 * np.sin(n / 4)))
        _put(frame, nose_out, 930, 250)
        frames.append(frame)
    return frames


def _put(frame: Image, card: Image, x: int, y: int) -> None:
    frame[y : y + card.shape[0], x : x + card.shape[1]] = card


def play(frames: list[Image], hub: Hub, stop: threading.Event) -> None:
    """Feed the frames at their rate, the last ones again and again until `stop`."""
    detector, source = Detector(imgsz=416), Source("entrance", Kind.WEBCAM, "0")
    studio = Studio([source], Look(painters=[hub.paint]))
    number = 0
    while not stop.is_set():
        image = frames[min(number, len(frames) - 1 - number % 2)]
        now = time.monotonic()
        frame = Frame(source.name, number, number / RATE, now, time.time(), image.copy())
        hub(*studio.develop(Detected(frame, detector.detect([image], 0.1)[0]), 0.25))
        number += 1
        stop.wait(max(0.0, now + 1 / RATE - time.monotonic()))


def shoot(url: str, wait: float) -> tuple[Image, Image]:
    """The page on a desk and, in the dark, on a phone."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        pictures = []
        for size, scheme in (((1180, 830), "light"), ((390, 830), "dark")):
            page = browser.new_page(
                viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
            )
            page.goto(url, wait_until="domcontentloaded")
            page.wait_for_timeout(1000 * wait)
            pictures.append(decode_image(page.screenshot(), "screenshot"))
            wait = 3
        browser.close()
    return pictures[0], pictures[1]


def main() -> None:
    """Play, shoot, write docs/page.jpg."""
    photo = read_image(package_file("skimage", "data/astronaut.png", "demo"))
    live, stop = Live(["entrance"]), threading.Event()
    zone = parse_zone("counter=.70,.30,.99,.30,.99,.99,.70,.99")
    hub = Hub(
        [zone], [parse_line("door=.36,.02,.36,.62")], [Outlet("page", live.update, live.note)]
    )
    with PageServer(live, 0) as server:
        player = threading.Thread(target=play, args=(scene(photo), hub, stop))
        player.start()
        desk, phone = shoot(server.url, 1 + FRAMES / RATE)
        stop.set()
        player.join()
    gap = np.full((desk.shape[0], 20, 3), 200, np.uint8)
    write_image(DOCS / "page.jpg", np.hstack([desk, gap, phone]), 82)


if __name__ == "__main__":
    main()
