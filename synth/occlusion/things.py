"""Things of everyday: sheets and boxes seen flat, and turned bodies such as cups."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from synth.colours import draw_colour
from synth.occlusion.layer import Canvas, Floats
from synth.occlusion.patches import Patch, Window, find_window, photograph, smooth_noise

# (u, v) across and down the thing, about -1 to 1, to albedo that broadcasts to (h, w, 3).
Paint = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True, eq=False)
class Pose:
    """Where a thing is: its middle (x, y) in face units about the mouth, half its width and
    height, and its turn in radians, clockwise."""

    at: tuple[float, float]
    half: tuple[float, float]
    turn: float = 0.0


def paint_plate(
    canvas: Canvas,
    pose: Pose,
    paint: Paint,
    rng: np.random.Generator,
    *,
    corner: float = 0.02,
    bend: float = 0.15,
) -> Patch:
    """Something flat with corners rounded by `corner` face units and light that varies by
    `bend` over it."""
    window, x, y = _axes(canvas, pose)
    a, b = (np.float32(v) for v in pose.half)
    u, v = x / a, y / b
    # Distance to a rounded rectangle.
    dx, dy = np.abs(x) - a + np.float32(corner), np.abs(y) - b + np.float32(corner)
    gap = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0)
    gap -= np.float32(corner)
    light = 1 + bend * np.sin(u * rng.uniform(0.8, 2.5) + rng.uniform(-2, 2)) * rng.uniform(0.4, 1)
    light = light + 0.25 * bend * smooth_noise(window, 0.9, rng)
    light *= 1 - 0.25 * np.exp(-(((gap + 0.008) / 0.012) ** 2))
    return _expose(canvas, window, paint(u, v), np.asarray(light, np.float32), gap)


def paint_turned(
    canvas: Canvas,
    pose: Pose,
    profile: Sequence[tuple[float, float]],
    paint: Paint,
    rng: np.random.Generator,
    *,
    tilt: float = 0.25,
    gloss: float = 0.2,
    clear: float = 0.0,
) -> Patch:
    """A body of revolution.

    Args:
        canvas: where.
        pose: its middle, half its widest width and half its height, and turn.
        profile: (v, width) from top -1 to bottom 1, widths as shares of the widest.
        paint: albedo by u (-1 to 1 across at each height) and v.
        rng: for its highlights.
        tilt: how round its ends look, 0 from the side to 1 from above.
        gloss: strength of the highlights.
        clear: how much shows through, 0 to 1.
    """
    window, x, y = _axes(canvas, pose, 1.15)
    a, b = (np.float32(v) for v in pose.half)
    heights, widths = np.array(profile, np.float32).T
    first = np.interp(y / b, heights, widths).astype(np.float32) * a
    across = np.clip(x / first, -1, 1)
    round_ = np.sqrt(1 - across * across)
    # Both rims bulge downwards, as ellipses seen from above.
    v = (y - np.float32(tilt) * first * round_) / b
    half = np.interp(v, heights, widths).astype(np.float32) * a
    u = x / half
    share = np.clip(u, -1, 1)
    gap = np.maximum(np.abs(x) - half, (np.abs(v) - 1) * b)
    light = _cylinder(canvas, share, rng, gloss)
    albedo = paint(np.arcsin(share) / np.float32(np.pi / 2), v)
    patch = _expose(canvas, window, albedo, light, gap)
    if not clear:
        return patch
    edge = np.clip(np.abs(share) ** 6 + np.clip(light - 1, 0, 1) * 1.5, 0, 1)
    return Patch(window, patch.colour, patch.alpha * (1 - clear * (1 - edge)), patch.shadow * 0.4)


def paint_ellipse(canvas: Canvas, pose: Pose, albedo: Floats, dark: float = 0.0) -> Patch:
    """A disc seen aslant, shaded by `dark` towards its upper rim: a cup's mouth or lid."""
    window, x, y = _axes(canvas, pose)
    u, v = x / np.float32(pose.half[0]), y / np.float32(pose.half[1])
    radius = np.sqrt(u * u + v * v)
    gap = (radius - 1) * np.float32(min(pose.half))
    light = 1 - np.float32(dark) * np.clip(0.7 - v * 0.5, 0, 1) * (radius < 0.93)
    return _expose(canvas, window, albedo, np.asarray(light, np.float32), gap)


def paint_ball(
    canvas: Canvas,
    pose: Pose,
    albedo: Floats,
    rng: np.random.Generator,
    *,
    grain: float,
    gloss: float,
) -> Patch:
    """A ball or egg with a rough surface: foam, grill, bun."""
    window, x, y = _axes(canvas, pose)
    u, v = x / np.float32(pose.half[0]), y / np.float32(pose.half[1])
    square = u * u + v * v
    up = np.sqrt(np.clip(1 - square, 0, 1))
    lean = float(np.clip(canvas.light.direction[0], -1, 1))
    light = 0.5 + 0.5 * up - 0.3 * v + 0.25 * lean * u
    shine = np.exp(-(((u - 0.3 * lean) ** 2 + (v + 0.45) ** 2) / 0.06))
    light = light * (1 + grain * rng.normal(0, 1, window.shape)) + gloss * shine
    gap = (np.sqrt(square) - 1) * np.float32(min(pose.half))
    return _expose(canvas, window, albedo, np.asarray(light, np.float32), gap)


def plain(colour: Floats) -> Paint:
    """One colour all over."""
    return lambda _u, _v: np.asarray(colour, np.float32)


def lettered(
    colour: Floats, ink: Floats, rng: np.random.Generator, lines: int, fill: float
) -> Paint:
    """Lines of words; `fill` is the share of the page they take."""
    marks = (rng.random((lines, 40)) < 0.8).astype(np.float32)
    ends = rng.integers(18, 41, lines)
    marks *= np.arange(40)[None] < ends[:, None]
    page = np.zeros((lines * 2, 40), np.float32)
    page[::2] = marks * 0.75
    return _shown(page, colour, ink, fill)


def pictured(colour: Floats, rng: np.random.Generator, fill: float = 0.8) -> Paint:
    """A cover: a band, a block and some words in another colour."""
    page = np.zeros((24, 24), np.float32)
    top, left = (int(rng.integers(1, 12)) for _ in range(2))
    page[top : top + int(rng.integers(3, 12)), left : left + int(rng.integers(5, 14))] = 0.8
    row = int(rng.integers(0, 20))
    page[row : row + 2, 3 : int(rng.integers(8, 22))] = 1
    page[-2:] = float(rng.random() < 0.4)
    ink = np.asarray(draw_colour(rng, "cloth"), np.float32)
    return _shown(page, colour, ink, fill)


def _shown(page: Floats, colour: Floats, ink: Floats, fill: float) -> Paint:
    rows, columns = page.shape

    def paint(u: Floats, v: Floats) -> Floats:
        x = ((u / fill + 1) / 2 * columns - 0.5).astype(np.float32)
        y = ((v / fill + 1) / 2 * rows - 0.5).astype(np.float32)
        x, y = np.broadcast_arrays(x, y)
        share = cv2.remap(page, np.ascontiguousarray(x), np.ascontiguousarray(y), cv2.INTER_LINEAR)
        base = np.asarray(colour, np.float32)
        return np.asarray(base + (np.asarray(ink, np.float32) - base) * share[..., None])

    return paint


def _axes(canvas: Canvas, pose: Pose, slack: float = 1.0) -> tuple[Window, Floats, Floats]:
    """The window about a thing, and (h, w) face units along its own axes."""
    c, s = float(np.cos(pose.turn)), float(np.sin(pose.turn))
    a, b = pose.half[0] * slack, pose.half[1] * slack
    reach = np.array([abs(a * c) + abs(b * s), abs(a * s) + abs(b * c)])
    at = np.array(pose.at)
    window = find_window(canvas, tuple(at - reach), tuple(at + reach))
    x, y = window.x - np.float32(at[0]), window.y - np.float32(at[1])
    return window, x * np.float32(c) + y * np.float32(s), y * np.float32(c) - x * np.float32(s)


def _cylinder(canvas: Canvas, across: Floats, rng: np.random.Generator, gloss: float) -> Floats:
    """Brightness over a cylinder: rounded off, with a bright streak."""
    lean = float(np.clip(canvas.light.direction[0], -1, 1))
    light = 0.5 + 0.5 * np.sqrt(1 - across * across) + 0.3 * lean * across
    streak = rng.uniform(-0.6, 0.6) * 0.5 + 0.4 * lean
    light += gloss * np.exp(-(((across - streak) / rng.uniform(0.06, 0.2)) ** 2))
    return np.asarray(light, np.float32)


def _expose(canvas: Canvas, window: Window, albedo: Floats, light: Floats, gap: Floats) -> Patch:
    colour = photograph(canvas, np.asarray(albedo, np.float32)) * light[..., None]
    colour = np.clip(colour, 0, canvas.light.ceiling).astype(np.float32)
    alpha = np.clip(0.5 - gap * window.unit, 0, 1).astype(np.float32)
    return Patch(window, np.broadcast_to(colour, (*alpha.shape, 3)), alpha)
