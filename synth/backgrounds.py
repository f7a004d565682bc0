"""Places without people, drawn by program: what stands behind a crowd."""

import cv2
import numpy as np

from data.images import Image
from synth.painting import (
    Canvas,
    Painter,
    blend_across,
    blend_down,
    clouds,
    draw_tone,
    expose,
    to_ink,
)


def draw_background(rng: np.random.Generator, width: int, height: int) -> Image:
    """(height, width, 3) uint8 BGR: some place without people, out of focus as with a wide
    aperture more often than not."""
    painter = BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))]
    return expose(painter(rng, width, height), rng, float(rng.uniform(0.0, 0.012)))


def _facade(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A house front with rows of windows, some of them lit, shops below."""
    wall = draw_tone(rng, 0.75, 50, 210)
    front = np.full((height, width, 3), wall, np.float32)
    dx, dy = (int(v) for v in rng.integers(14, 46, 2))
    share_x, share_y = rng.uniform(0.35, 0.8, 2)
    pane = draw_tone(rng, 0.8, 20, 130)
    for y in range(int(rng.integers(2, dy)), height, dy):
        for x in range(int(rng.integers(2, dx)), width, dx):
            lit = rng.random() < 0.12
            tone = draw_tone(rng, 0.6, 150, 250) if lit else pane * rng.uniform(0.7, 1.4)
            corner = (int(x + dx * share_x), int(y + dy * share_y))
            cv2.rectangle(front, (x, y), corner, to_ink(tone), -1)
    front += clouds(rng, width, height, 6, 6)[..., None]
    return front


def city(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Sky over buildings over a pavement."""
    top, low = draw_tone(rng, 0.6, 120, 245), draw_tone(rng, 0.85, 150, 250)
    canvas = blend_down(height, width, top * np.array([1.1, 1.0, 0.9], np.float32), low)
    canvas += clouds(rng, width, height, 5, 9)[..., None]
    ground = int(height * rng.uniform(0.5, 0.85))
    x = -int(rng.integers(0, width // 4 + 1))
    while x < width:
        wide = int(rng.uniform(0.12, 0.5) * width) + 8
        tall = max(4, int(rng.uniform(0.3, 1.0) * ground))
        left, right = max(0, x), min(width, x + wide)
        if right > left:
            canvas[ground - tall : ground, left:right] = _facade(rng, right - left, tall)
        x += wide + int(rng.integers(0, 12))
    pavement = draw_tone(rng, 0.9, 60, 170)
    canvas[ground:] = blend_down(height - ground, width, pavement * np.float32(0.8), pavement)
    canvas[ground:] += clouds(rng, width, height - ground, 14, 6)[..., None]
    return canvas


def street(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A street that runs away from the camera between two rows of houses."""
    horizon = height * rng.uniform(0.3, 0.6)
    vanish = np.array([width * rng.uniform(0.3, 0.7), horizon])
    canvas = blend_down(
        height, width, draw_tone(rng, 0.6, 130, 245), draw_tone(rng, 0.85, 150, 250)
    )
    road = draw_tone(rng, 0.92, 50, 150)
    y = int(horizon)
    canvas[y:] = blend_down(height - y, width, road * np.float32(1.15), road * np.float32(0.85))
    canvas[y:] += clouds(rng, width, height - y, 16, 6)[..., None]
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
    wall = draw_tone(rng, 0.8, 70, 225)
    canvas = blend_across(rng, width, height, wall, wall * np.float32(rng.uniform(0.55, 1.1)))
    floor, corner = (int(v) for v in (height * rng.uniform(0.6, 0.95), width * rng.uniform(0, 1)))
    canvas[:, :corner] *= np.float32(rng.uniform(0.75, 1.15))
    canvas[floor:] = blend_down(height - floor, width, draw_tone(rng, 0.7, 40, 130), wall * 0.6)
    for _ in range(int(rng.integers(1, 7))):
        x, y = int(rng.uniform(-0.1, 1) * width), int(rng.uniform(0, 0.7) * height)
        wide, tall = (int(rng.uniform(0.05, 0.3) * side) + 2 for side in (width, height))
        tall = floor - y if rng.random() < 0.4 else tall
        cv2.rectangle(canvas, (x, y), (x + wide, y + tall), to_ink(draw_tone(rng, 0.6)), -1)
        frame = to_ink(draw_tone(rng, 0.9, 20, 200))
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
    dark = draw_tone(rng, 0.6, 5, 45)
    canvas = blend_across(rng, width, height, dark, draw_tone(rng, 0.6, 10, 80))
    radius = float(rng.uniform(0.008, 0.05)) * max(width, height)
    glow = np.zeros_like(canvas)
    for _ in range(int(rng.integers(15, 90))):
        spot = np.zeros_like(canvas)
        at = int(rng.uniform(0, 1) * width), int(abs(rng.normal(0.4, 0.25)) * height)
        tone = draw_tone(rng, -0.8, 60, 170)
        r = int(radius * rng.uniform(0.7, 1.2)) + 1
        x1, y1 = max(0, at[0] - r - 2), max(0, at[1] - r - 2)
        part = spot[y1 : at[1] + r + 3, x1 : at[0] + r + 3]
        if part.size == 0:
            continue
        disc = np.zeros(part.shape, np.float32)
        cv2.circle(disc, (at[0] - x1, at[1] - y1), r, to_ink(tone), -1, cv2.LINE_AA)
        glow[y1 : at[1] + r + 3, x1 : at[0] + r + 3] += disc * np.float32(rng.uniform(0.2, 0.9))
    return np.asarray(canvas + glow)


def foliage(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """Leaves and grass in sun and shade."""
    green = np.array([rng.uniform(20, 70), rng.uniform(70, 140), rng.uniform(40, 110)], np.float32)
    field = sum(
        (clouds(rng, width, height, cells, 0.3) for cells in (5, 14, 40, 110)),
        np.zeros((height, width), np.float32),
    )
    canvas = green * np.clip(1 + field, 0.1, 2.5)[..., None]
    sky = np.clip(clouds(rng, width, height, 30, 1.0) - rng.uniform(0.8, 2.5), 0, 1)[..., None]
    canvas = canvas * (1 - sky) + np.array([250, 245, 235], np.float32) * sky
    if rng.random() < 0.5:
        ground = int(height * rng.uniform(0.55, 0.85))
        canvas[ground:] = canvas[ground:] * 0.4 + draw_tone(rng, 0.7, 40, 120) * np.float32(0.6)
    return np.asarray(canvas, dtype=np.float32)


def wall(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A plain wall or studio paper in uneven light."""
    a = draw_tone(rng, float(rng.uniform(0.2, 1)), 40, 240)
    canvas = blend_across(rng, width, height, a, a * np.float32(rng.uniform(0.6, 1.2)))
    canvas += clouds(rng, width, height, 4, 8)[..., None]
    return canvas + clouds(rng, width, height, 120, rng.uniform(0, 5))[..., None]


def backs(rng: np.random.Generator, width: int, height: int) -> Canvas:
    """A crowd far out of focus seen from behind: hair and clothes, no skin that might be a face."""
    canvas = blend_across(rng, width, height, draw_tone(rng, 0.6), draw_tone(rng, 0.6))
    size = float(rng.uniform(0.02, 0.07)) * height
    y = height * float(rng.uniform(0.15, 0.5))
    while y < height + size:
        for x in np.arange(-size, width + size, 2.2 * size):
            at = np.array([x, y]) + rng.normal(0, 0.35, 2) * size
            clothes, hair = draw_tone(rng, 0.3, 20, 150), draw_tone(rng, 0.85, 8, 55)
            # Skin-like clothes under dark hair would look like blurred faces: blue ones instead.
            clothes = clothes[::-1] if clothes[2] > clothes[0] else clothes
            head = int(at[0]), int(at[1])
            chest = head[0], int(at[1] + 2.3 * size)
            body = int(1.25 * size) + 1, int(1.6 * size) + 1
            cv2.ellipse(canvas, chest, body, 0, 0, 360, to_ink(clothes), -1)
            axes = int(0.6 * size) + 1, int(0.75 * size) + 1
            cv2.ellipse(canvas, head, axes, 0, 0, 360, to_ink(hair), -1)
        size *= 1.18
        y += 1.3 * size
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.02 * height), dtype=np.float32)


BACKGROUNDS: tuple[Painter, ...] = (city, street, interior, lights, foliage, wall, backs)
