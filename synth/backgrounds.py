"""Places without people, drawn by program: what stands behind a crowd, and pictures without any
face on which a detector must stay silent."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from data.images import Image
from synth.shapes import cut_out, draw_shape
from synth.textures import PRINTS, draw_colour

Floats = NDArray[np.float64]
Canvas = NDArray[np.float32]
Painter = Callable[[np.random.Generator, int, int], Canvas]


def draw_background(rng: np.random.Generator, width: int, height: int) -> Image:
    """(height, width, 3) uint8 BGR: some place without people, out of focus as with a wide
    aperture more often than not."""
    painter = BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))]
    return _expose(painter(rng, width, height), rng, float(rng.uniform(0.0, 0.012)))


def draw_negative(rng: np.random.Generator, width: int, height: int) -> Image:
    """(height, width, 3) uint8 BGR: a picture without any face: places, flat and dark pictures,
    patterns, pages, fabrics, and masks that nobody wears."""
    painter = NEGATIVES[int(rng.choice(len(NEGATIVES), p=_NEGATIVE_SHARES))]
    canvas = painter(rng, width, height)
    if painter in _EXACT and rng.random() < 0.5:
        return _to_image(canvas)
    return _expose(canvas, rng, float(rng.uniform(0.0, 0.004)))


def _to_image(canvas: Canvas) -> Image:
    return np.asarray(np.clip(canvas + 0.5, 0, 255), dtype=np.uint8)


def _expose(canvas: Canvas, rng: np.random.Generator, blur: float) -> Image:
    """Defocus (as a share of the longer side), uneven light, exposure and grain over all."""
    h, w = canvas.shape[:2]
    sigma = blur * max(h, w)
    if sigma > 0.3:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), sigma), np.float32)
    light = 1 + _clouds(rng, w, h, 2.0, 0.12)
    level = float(rng.choice([1.0, rng.uniform(0.35, 1.25)]))
    cast = rng.normal(1, 0.05, 3).astype(np.float32)
    grain = rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(rng.uniform(0, 6))
    return _to_image(canvas * light[..., None] * level * cast + grain)


def _colour(
    rng: np.random.Generator, dull: float = 0.5, low: float = 30, high: float = 220
) -> Canvas:
    """(3,) BGR; `dull` of 1 is grey, of 0 any colour. Most things are brownish or bluish."""
    warm, odd = rng.normal(0, 0.22), rng.normal(0, 0.12, 3)
    tint = 1 + (1 - dull) * (np.array([-warm, 0.1 * warm, warm]) + odd)
    return np.asarray(rng.uniform(low, high) * tint, dtype=np.float32)


def _clouds(
    rng: np.random.Generator, width: int, height: int, cells: float, strength: float
) -> Canvas:
    """(height, width) smooth noise with about `cells` bumps across the longer side."""
    longer = max(width, height)
    grid = max(2, round(cells * height / longer) + 1), max(2, round(cells * width / longer) + 1)
    noise = rng.normal(0, strength, grid).astype(np.float32)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))


def _gradient(rng: np.random.Generator, width: int, height: int, a: Canvas, b: Canvas) -> Canvas:
    """(height, width, 3) from colour a to b along some direction."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    along = x / width * np.cos(angle) + y / height * np.sin(angle)
    span = max(float(np.ptp(along)), 1e-6)
    share = ((along - along.min()) / span)[..., None]
    return np.asarray(a * (1 - share) + b * share, dtype=np.float32)


def _vertical(height: int, width: int, a: Canvas, b: Canvas) -> Canvas:
    """(height, width, 3) from colour a on top to b at the bottom."""
    share = np.linspace(0, 1, max(height, 1), dtype=np.float32)[:, None, None]
    return np.asarray(np.broadcast_to(a * (1 - share) + b * share, (height, width, 3)).copy())


def _ink(colour: Canvas) -> tuple[float, float, float]:
    """A colour as OpenCV's drawing functions take it."""
    b, g, r = (float(v) for v in colour)
    return b, g, r


# Places.


def _facade(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A house front with rows of windows, some of them lit, shops below."""
    wall = _colour(rng, 0.75, 50, 210)
    front = np.full((height, width, 3), wall, np.float32)
    dx, dy = (int(v) for v in rng.integers(14, 46, 2))
    share_x, share_y = rng.uniform(0.35, 0.8, 2)
    pane = _colour(rng, 0.8, 20, 130)
    for y in range(int(rng.integers(2, dy)), height, dy):
        for x in range(int(rng.integers(2, dx)), width, dx):
            lit = rng.random() < 0.12
            tone = _colour(rng, 0.6, 150, 250) if lit else pane * rng.uniform(0.7, 1.4)
            corner = (int(x + dx * share_x), int(y + dy * share_y))
            cv2.rectangle(front, (x, y), corner, _ink(tone), -1)
    front += _clouds(rng, width, height, 6, 6)[..., None]
    return front


def city(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Sky over buildings over a pavement."""
    top, low = _colour(rng, 0.6, 120, 245), _colour(rng, 0.85, 150, 250)
    canvas = _vertical(height, width, top * np.array([1.1, 1.0, 0.9], np.float32), low)
    canvas += _clouds(rng, width, height, 5, 9)[..., None]
    ground = int(height * rng.uniform(0.5, 0.85))
    x = -int(rng.integers(0, width // 4 + 1))
    while x < width:
        wide = int(rng.uniform(0.12, 0.5) * width) + 8
        tall = max(4, int(rng.uniform(0.3, 1.0) * ground))
        left, right = max(0, x), min(width, x + wide)
        if right > left:
            canvas[ground - tall : ground, left:right] = _facade(rng, right - left, tall)
        x += wide + int(rng.integers(0, 12))
    pavement = _colour(rng, 0.9, 60, 170)
    canvas[ground:] = _vertical(height - ground, width, pavement * np.float32(0.8), pavement)
    canvas[ground:] += _clouds(rng, width, height - ground, 14, 6)[..., None]
    return canvas


def street(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A street that runs away from the camera between two rows of houses."""
    horizon = height * rng.uniform(0.3, 0.6)
    vanish = np.array([width * rng.uniform(0.3, 0.7), horizon])
    canvas = _vertical(height, width, _colour(rng, 0.6, 130, 245), _colour(rng, 0.85, 150, 250))
    road = _colour(rng, 0.92, 50, 150)
    y = int(horizon)
    canvas[y:] = _vertical(height - y, width, road * np.float32(1.15), road * np.float32(0.85))
    canvas[y:] += _clouds(rng, width, height - y, 16, 6)[..., None]
    far = float(rng.uniform(0.05, 0.2)) * width
    for side in (-1, 1):
        front = _facade(rng, 480, 240)
        near = 0.0 if side < 0 else float(width)
        end = vanish[0] + side * far
        up, down = rng.uniform(0.5, 2.2), rng.uniform(0.2, 0.75)
        shrink = far / max(abs(near - vanish[0]), 1.0)
        corners = [[near, horizon - up * height], [end, horizon - up * height * shrink]]
        corners += [[end, horizon + down * height * shrink], [near, horizon + down * height]]
        source = np.array([[0, 0], [480, 0], [480, 240], [0, 240]], np.float32)
        matrix = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
        cv2.warpPerspective(
            front, matrix, (width, height), canvas, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT
        )
    return canvas


def interior(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A room: walls, floor, doors, pictures, lamps."""
    wall = _colour(rng, 0.8, 70, 225)
    canvas = _gradient(rng, width, height, wall, wall * np.float32(rng.uniform(0.55, 1.1)))
    floor, corner = (int(v) for v in (height * rng.uniform(0.6, 0.95), width * rng.uniform(0, 1)))
    canvas[:, :corner] *= np.float32(rng.uniform(0.75, 1.15))
    canvas[floor:] = _vertical(height - floor, width, _colour(rng, 0.7, 40, 130), wall * 0.6)
    for _ in range(int(rng.integers(1, 7))):
        x, y = int(rng.uniform(-0.1, 1) * width), int(rng.uniform(0, 0.7) * height)
        wide, tall = (int(rng.uniform(0.05, 0.3) * side) + 2 for side in (width, height))
        tall = floor - y if rng.random() < 0.4 else tall
        cv2.rectangle(canvas, (x, y), (x + wide, y + tall), _ink(_colour(rng, 0.6)), -1)
        frame = _ink(_colour(rng, 0.9, 20, 200))
        cv2.rectangle(canvas, (x, y), (x + wide, y + tall), frame, int(rng.integers(1, 5)))
    for _ in range(int(rng.integers(0, 6))):
        lamp = np.zeros((height, width), np.float32)
        at = int(rng.uniform(0, 1) * width), int(rng.uniform(0, 0.35) * height)
        axes = int(rng.uniform(0.01, 0.08) * width) + 1, int(rng.uniform(0.01, 0.03) * height) + 1
        cv2.ellipse(lamp, at, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
        lamp += 0.5 * cv2.blur(lamp, (2 * axes[0] + 1, 2 * axes[0] + 1))
        canvas += lamp[..., None] * np.array([200, 225, 240], np.float32)
    return canvas


def lights(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Lights of the night far out of focus."""
    dark = _colour(rng, 0.6, 5, 45)
    canvas = _gradient(rng, width, height, dark, _colour(rng, 0.6, 10, 80))
    radius = float(rng.uniform(0.008, 0.05)) * max(width, height)
    glow = np.zeros_like(canvas)
    for _ in range(int(rng.integers(15, 90))):
        spot = np.zeros_like(canvas)
        at = int(rng.uniform(0, 1) * width), int(abs(rng.normal(0.4, 0.25)) * height)
        tone = _colour(rng, -0.8, 60, 170)
        r = int(radius * rng.uniform(0.7, 1.2)) + 1
        x1, y1 = max(0, at[0] - r - 2), max(0, at[1] - r - 2)
        part = spot[y1 : at[1] + r + 3, x1 : at[0] + r + 3]
        if part.size == 0:
            continue
        disc = np.zeros(part.shape, np.float32)
        cv2.circle(disc, (at[0] - x1, at[1] - y1), r, _ink(tone), -1, cv2.LINE_AA)
        glow[y1 : at[1] + r + 3, x1 : at[0] + r + 3] += disc * np.float32(rng.uniform(0.2, 0.9))
    return np.asarray(canvas + glow)


def foliage(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Leaves and grass in sun and shade."""
    green = np.array([rng.uniform(20, 70), rng.uniform(70, 140), rng.uniform(40, 110)], np.float32)
    field = sum(
        (_clouds(rng, width, height, cells, 0.3) for cells in (5, 14, 40, 110)),
        np.zeros((height, width), np.float32),
    )
    canvas = green * np.clip(1 + field, 0.1, 2.5)[..., None]
    sky = np.clip(_clouds(rng, width, height, 30, 1.0) - rng.uniform(0.8, 2.5), 0, 1)[..., None]
    canvas = canvas * (1 - sky) + np.array([250, 245, 235], np.float32) * sky
    if rng.random() < 0.5:
        ground = int(height * rng.uniform(0.55, 0.85))
        canvas[ground:] = canvas[ground:] * 0.4 + _colour(rng, 0.7, 40, 120) * np.float32(0.6)
    return np.asarray(canvas, dtype=np.float32)


def wall(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A plain wall or studio paper in uneven light."""
    a = _colour(rng, float(rng.uniform(0.2, 1)), 40, 240)
    canvas = _gradient(rng, width, height, a, a * np.float32(rng.uniform(0.6, 1.2)))
    canvas += _clouds(rng, width, height, 4, 8)[..., None]
    return canvas + _clouds(rng, width, height, 120, rng.uniform(0, 5))[..., None]


def backs(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A crowd far out of focus seen from behind: hair and clothes, no skin that might be a face."""
    canvas = _gradient(rng, width, height, _colour(rng, 0.6), _colour(rng, 0.6))
    size = float(rng.uniform(0.02, 0.07)) * height
    y = height * float(rng.uniform(0.15, 0.5))
    while y < height + size:
        for x in np.arange(-size, width + size, 2.2 * size):
            at = np.array([x, y]) + rng.normal(0, 0.35, 2) * size
            clothes, hair = _colour(rng, 0.3, 20, 150), _colour(rng, 0.85, 8, 55)
            # Skin-like clothes under dark hair would look like blurred faces: blue ones instead.
            clothes = clothes[::-1] if clothes[2] > clothes[0] else clothes
            head = int(at[0]), int(at[1])
            chest = head[0], int(at[1] + 2.3 * size)
            body = int(1.25 * size) + 1, int(1.6 * size) + 1
            cv2.ellipse(canvas, chest, body, 0, 0, 360, _ink(clothes), -1)
            axes = int(0.6 * size) + 1, int(0.75 * size) + 1
            cv2.ellipse(canvas, head, axes, 0, 0, 360, _ink(hair), -1)
        size *= 1.18
        y += 1.3 * size
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.02 * height), dtype=np.float32)


BACKGROUNDS: tuple[Painter, ...] = (city, street, interior, lights, foliage, wall, backs)


# Pictures that are no place.


def black(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A lens cap: black, or nearly."""
    level = 0.0 if rng.random() < 0.5 else float(rng.uniform(0, 12))
    return np.full((height, width, 3), level, np.float32)


def night(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Dark, with the noise of a sensor at its limit and a hint of something."""
    canvas = np.full((height, width, 3), _colour(rng, 0.7, 2, 28), np.float32)
    canvas += np.abs(_clouds(rng, width, height, 4, rng.uniform(0, 9)))[..., None]
    noise = rng.standard_normal(canvas.shape, dtype=np.float32)
    return np.asarray(canvas + noise * np.float32(rng.uniform(2, 16)))


def flat(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """One colour; white and grey often."""
    level = float(rng.choice([255.0, 255.0, 128.0, rng.uniform(0, 255)]))
    tone = np.full(3, level) if rng.random() < 0.5 else _colour(rng, 0.0, 20, 235)
    return np.full((height, width, 3), tone, np.float32)


def gradient(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Two colours that pass into each other."""
    return _gradient(rng, width, height, _colour(rng, 0.3, 0, 255), _colour(rng, 0.3, 0, 255))


def bars(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Bars, squares or rings, as on test cards and tiles."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pitch = float(rng.uniform(0.03, 0.25)) * max(width, height)
    kind = int(rng.integers(3))
    if kind == 0:
        cell = x // pitch
    elif kind == 1:
        cell = (x // pitch) + (y // pitch)
    else:
        centre = rng.uniform(0.2, 0.8, 2) * [width, height]
        cell = np.hypot(x - centre[0], y - centre[1]) // pitch
    number = int(rng.choice([2, 3, 8]))
    tones = np.stack([_colour(rng, 0.2, 0, 255) for _ in range(number)])
    return np.asarray(tones[cell.astype(int) % number], dtype=np.float32)


def page(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A page or screen of text."""
    dark = rng.random() < 0.2
    paper, ink = (_colour(rng, 0.9, 215, 255), _colour(rng, 0.8, 0, 70))
    if dark:
        paper, ink = ink, paper
    canvas = _to_image(np.full((height, width, 3), paper, np.float32))
    scale = float(rng.uniform(0.35, 1.4))
    letters = list("abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789.,:%-")
    for y in range(int(30 * scale), height, int(32 * scale)):
        if rng.random() < 0.1:
            continue
        words = ("".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(12))
        at, thick = (int(rng.integers(4, 30)), y), max(1, round(1.3 * scale))
        text = " ".join(words)[: int(rng.integers(10, 90))]
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(canvas, text, at, font, scale, _ink(ink), thick, cv2.LINE_AA)
    return canvas.astype(np.float32)


def fabric(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A printed cloth that fills the picture."""
    return _cloth(*_sheet(rng, width, height, float(rng.uniform(0.8, 2.5))), rng)


def _sheet(
    rng: np.random.Generator, width: int, height: int, reach: float
) -> tuple[Floats, Floats]:
    """Coordinates (u, v) of a turned sheet over the picture; u is -reach to reach across."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    angle, side = rng.uniform(0, 2 * np.pi), max(width, height) / 2
    x, y = (x - width / 2) / side * reach, (y - height / 2) / side * reach
    u = x * np.cos(angle) + y * np.sin(angle)
    return u, (y * np.cos(angle) - x * np.sin(angle)) / 2 + 0.5


def _cloth(u: Floats, v: Floats, rng: np.random.Generator) -> Canvas:
    """(H, W, 3) BGR of some print at (u, v), repeated beyond the sheet."""
    name = str(rng.choice(list(PRINTS)))
    fold_u, fold_v = np.abs((u - 1) % 4 - 2) - 1, 1 - np.abs(v % 2 - 1)
    rgb = PRINTS[name](fold_u, fold_v, draw_colour(rng), rng)
    return np.asarray(rgb[..., ::-1] * 255, dtype=np.float32)


def lying_masks(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Masks on a table, a wall or a pavement: none of them is worn."""
    painter = (wall, interior, fabric, foliage)[int(rng.integers(4))]
    canvas = painter(rng, width, height)
    for _ in range(int(rng.choice([1, 2, 4], p=[0.6, 0.25, 0.15]))):
        canvas = _lay_mask(canvas, rng)
    return canvas


def _lay_mask(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """The canvas with a flat mask, its ear loops and shadow."""
    h, w = canvas.shape[:2]
    half = float(rng.uniform(0.08, 0.4)) * min(w, h)
    centre = rng.uniform(0.15, 0.85, 2) * [w, h]
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[0:h, 0:w] + 0.5
    x, y = (x - centre[0]) / half, (y - centre[1]) / half
    u, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    v = across / float(rng.uniform(0.9, 1.3)) + 0.5
    shape = draw_shape(rng)
    cover = cut_out(shape, u, v, 3.0 / half)[..., None].astype(np.float32)
    # Pleats that open downward: light above each fold, dark below it.
    pleats = ((v * int(rng.integers(2, 5)) + 0.5) % 1 - 0.5) * float(rng.choice([0.0, 0.4]))
    light = 0.92 + pleats + _clouds(rng, w, h, 3 * max(w, h) / half, 0.05)
    loops = _loops(u, across, half, float(rng.uniform(0.25, 0.5)))
    shadow = cv2.GaussianBlur(np.maximum(cover[..., 0], loops), (0, 0), 0.05 * half + 0.5)
    canvas = canvas * (1 - 0.35 * np.roll(shadow, (2, 2), (0, 1)))[..., None]
    canvas = canvas * (1 - loops[..., None]) + np.float32(225) * loops[..., None]
    cloth = _cloth(u, v, rng) * np.clip(light, 0.4, 1.2)[..., None].astype(np.float32)
    return np.asarray(canvas * (1 - cover) + cloth * cover, dtype=np.float32)


def _loops(u: Floats, across: Floats, half: float, reach: float) -> Canvas:
    """(H, W) coverage of ear loops at both sides of a mask."""
    radius = np.hypot((np.abs(u) - 1) / reach, across / 0.42)
    thread = 1 - np.abs(radius - 1) * reach * half / max(0.8, 0.02 * half)
    return np.asarray(np.clip(thread + 0.5, 0, 1) * (np.abs(u) > 0.97), dtype=np.float32)


def place(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Any background."""
    return BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))](rng, width, height)


_NEGATIVE_WEIGHTS: dict[Painter, float] = {
    place: 0.34,
    black: 0.08,
    night: 0.1,
    flat: 0.08,
    gradient: 0.06,
    bars: 0.06,
    page: 0.07,
    fabric: 0.09,
    lying_masks: 0.12,
}
NEGATIVES: tuple[Painter, ...] = tuple(_NEGATIVE_WEIGHTS)
_NEGATIVE_SHARES = list(_NEGATIVE_WEIGHTS.values())
# Shown as they are half of the time: wholly black is black, without a grain.
_EXACT = (black, flat, gradient, bars)
