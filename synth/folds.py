"""What stands up from a mask's fabric: pleats, seams, wires, valves, creases; and their shade."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.shapes import Shape

Floats = NDArray[np.floating[Any]]  # single or double precision


def relief(shape: Shape, u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    """Height of pleats, seams, wires and creases at each point, arbitrary units about 0 to 1."""
    v = 1 - v if shape.flipped else v
    height = _creases(shape, u, v, rng) + _pleats(shape, u, v)
    if shape.style == "surgical":
        height = height + 0.2 * _ridge(v - 0.07, 0.03)
    elif shape.style == "kn95":
        height = height + 1.4 * np.exp(-np.abs(u) / 0.06) + 0.2 * _ridge(np.abs(u) - 0.9, 0.02)
        height = height + 0.2 * _ridge(v - 0.05, 0.02)
    elif shape.style == "cloth":
        height = height + 0.7 * _ridge(u, 0.02) + 0.25 * _ridge(np.abs(v - 0.5) - 0.45, 0.02)
    elif shape.style == "cup":
        height = height + 0.6 * _ridge(_cup_radius(u, v) - 0.86, 0.03)
    else:
        height = height + _drapes(shape, u, v)
    if shape.valve:
        height = height + 1.2 * np.clip((1 - _valve_radius(shape, u, v)) * 6, 0, 1)
    return np.asarray(height)


def shade(shape: Shape, u: Floats, v: Floats) -> Floats:
    """Share of light that reaches the fabric, 0 to about 1: darker under pleats and where the
    lower half turns to the ground, for light mostly comes from above."""
    v = 1 - v if shape.flipped else v
    low = 1 - v if shape.flipped else v
    light = 1.05 - 0.17 * np.clip(low, 0, 1.2) ** 2 - 0.06 * np.clip(np.abs(u), 0, 1.2) ** 3
    for under, sharp in _pleat_lines(shape, u, v):
        light = light - 0.13 * sharp * _ridge(under + 0.012, 0.013)
    if shape.style == "surgical":
        light = light - 0.09 * _ridge(v - 0.11, 0.010) - 0.05 * _ridge(np.abs(u) - 0.93, 0.010)
    elif shape.style == "kn95":
        light = light - 0.10 * _ridge(u, 0.012) - 0.08 * _ridge(np.abs(u) - 0.88, 0.012)
    elif shape.style == "cloth":
        light = light - 0.12 * _ridge(u, 0.010) - 0.07 * _ridge(np.abs(v - 0.5) - 0.46, 0.008)
    elif shape.style == "cup":
        light = light - 0.10 * _ridge(_cup_radius(u, v) - 0.80, 0.025)
    if shape.valve:
        radius = _valve_radius(shape, u, v)
        light = light - 0.35 * _ridge(radius - 1.04, 0.07) - 0.25 * _ridge(radius - 0.6, 0.06)
    return np.asarray(light)


def on_valve(shape: Shape, u: Floats, v: Floats) -> Floats:
    """How far each point lies on the valve, 0 to 1."""
    if not shape.valve:
        return np.zeros_like(u)
    v = 1 - v if shape.flipped else v
    return np.asarray(np.clip((1 - _valve_radius(shape, u, v)) * 12, 0, 1))


def _valve_radius(shape: Shape, u: Floats, v: Floats) -> Floats:
    """Distance from the valve's middle, 1 at its rim; a square with round corners."""
    at_u, at_v, radius = shape.valve
    du, dv = (u - at_u) / radius, (v - at_v) * 1.9 / radius
    return np.asarray((du**4 + dv**4) ** 0.25 * 0.5 + np.hypot(du, dv) * 0.5)


def _cup_radius(u: Floats, v: Floats) -> Floats:
    return np.asarray(np.hypot(u, (v - 0.5) * 2))


def _ridge(distance: Floats, width: float) -> Floats:
    return np.asarray(np.exp(-((distance / width) ** 2)))


def _pleat_lines(shape: Shape, u: Floats, v: Floats) -> list[tuple[Floats, Floats]]:
    """For each pleat the distance in v below its edge, and how sharp it is, 0 to 1.

    Pleats are stacked at the sides, where they are sewn; the face opens them in the middle, so
    that the upper ones arch up and the lower ones down, with a corner on the nose's ridge.
    """
    middle = 1 - np.abs(u) ** 1.25
    spread = 0.25 + 0.35 * (1 + math.sin(shape.phase))
    lines: list[tuple[Floats, Floats]] = []
    for k, centre in enumerate(shape.pleats):
        bend = ((centre - 0.5) * spread + 0.02 * math.cos(2 * shape.phase + k)) * middle
        broken = 0.75 + 0.25 * np.sin(4 * u + shape.phase + 2 * k)
        lines.append((v - centre - bend, (0.4 + 0.6 * np.abs(u)) * broken))
    return lines


def _pleats(shape: Shape, u: Floats, v: Floats) -> Floats:
    """Folds that run from side to side: a step up, then a slow fall."""
    height = np.zeros_like(u)
    for under, sharp in _pleat_lines(shape, u, v):
        step = np.clip(under / 0.015, 0, 1) * np.exp(-np.maximum(under, 0) / 0.08)
        height = height + 1.1 * sharp * step
    return height


def shine(shape: Shape, u: Floats, v: Floats) -> Floats:
    """Where fabric faces the sky and gleams, about 0 to 1: the nose's ridge, tops of folds."""
    light = 0.5 * _ridge(v - 0.16, 0.14) * (1 - np.clip(np.abs(u), 0, 1))
    for under, sharp in _pleat_lines(shape, u, 1 - v if shape.flipped else v):
        light = light + 0.8 * sharp * _ridge(under - 0.035, 0.025)
    if not shape.pleats:
        light = light + np.clip(_drapes(shape, u, v), 0, 1)
    return np.asarray(light)


def _drapes(shape: Shape, u: Floats, v: Floats) -> Floats:
    """Cross folds of loose fabric, sagging between the cheeks, each of its own depth."""
    across = v * 6 + 0.5 * np.sin(u * 3 + shape.phase) - 1.4 * u**2
    wave = np.sin(across * np.pi + shape.phase) * (0.6 + 0.4 * np.sin(across * 1.7 + u))
    return np.asarray(0.35 * shape.crumple**0.5 * wave * np.clip((v - 0.2) * 3, 0, 1))


def _creases(shape: Shape, u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    """Soft waves of random direction, and folds that fan out from where the straps pull."""
    height = np.zeros_like(u)
    strength = 0.4 + 0.8 * shape.crumple
    for _ in range(4):
        angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        frequency = rng.uniform(2, 9)
        wave = np.sin(frequency * (u * math.cos(angle) + v * 2 * math.sin(angle)) + phase)
        height = height + strength * rng.uniform(0.05, 0.22) * wave * (0.4 + 0.6 * np.abs(u))
    stiff = 0.25 if shape.style in ("cup", "kn95") else 1.0
    for corner_u in (-1.05, 1.05):
        corner_v, folds, phase = rng.uniform(0.1, 0.9), rng.uniform(9, 20), rng.uniform(0, 6.28)
        du, dv = u - corner_u, (v - corner_v) * 1.8
        fan = np.sin(folds * np.arctan2(dv, np.abs(du) + 0.1) + phase)
        fade = np.exp(-np.hypot(du, dv) / 0.55)
        height = height + stiff * strength * rng.uniform(0.1, 0.45) * fan * fade
    return np.asarray(height)
