"""A mask's fabric: its print, and what doesn't depend on it: seams, hems, thickness, valve."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.folds import on_valve, shade, shine
from synth.mask import Mask
from synth.textures import find_print

Floats = NDArray[np.floating[Any]]  # single or double precision


def fabric_albedo(mask: Mask, u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    """(..., 3) RGB in 0 to 1 of the fabric at points of the sheet.

    Albedo times the share of light that reaches it under pleats and in seams, in the precision
    of `u` and `v`.
    """
    albedo = find_print(mask.texture, mask.plate)(u, v, mask.colour, rng)
    albedo = _bind(albedo, mask, u, v, rng)
    if mask.shape.valve:
        dark = mask.colour.mean() < 0.35
        tone = rng.choice([0.06, 0.06, 0.3, 0.86] if dark else [0.86, 0.86, 0.8, 0.6, 0.4, 0.1])
        cover = on_valve(mask.shape, u, v)[..., None]
        albedo = albedo + (np.asarray(tone, u.dtype) - albedo) * cover
    albedo = _fleece(albedo, mask, v, rng)
    light = shade(mask.shape, u, v) * _thickness(mask, u, v, rng)
    # Only on dark fabric is the gleam seen.
    gleam = rng.uniform(0.02, 0.12) * max(0.0, 1 - 2.5 * float(mask.colour.mean()))
    lit = albedo * light[..., None] + (gleam * shine(mask.shape, u, v))[..., None]
    return np.asarray(np.clip(lit, 0, 1))


def _fleece(albedo: Floats, mask: Mask, v: Floats, rng: np.random.Generator) -> Floats:
    """Surgical masks are paler above, where the white layer shines through taut fleece."""
    if mask.shape.style != "surgical" or mask.colour.mean() < 0.35:
        return albedo
    pale = float(rng.uniform(0, 0.45)) * np.clip(1 - 1.6 * v, 0, 1)
    return np.asarray(albedo + (np.asarray(0.95, v.dtype) - albedo) * pale[..., None])


def _bind(albedo: Floats, mask: Mask, u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    """A hem of another shade: white side seams of coloured surgical masks, bindings of cloth."""
    style, bright = mask.shape.style, float(mask.colour.mean())
    chance, strength = rng.random(), float(rng.uniform(0.15, 0.6))
    if style == "surgical" and bright > 0.35 and chance < 0.35:
        edge, tone, width = 1 - np.abs(u), 0.93, 0.04
    elif style == "cloth" and chance < 0.3:
        edge = np.minimum(1 - np.abs(u), 2 * np.minimum(v, 1 - v))
        tone, width = (0.93 if bright < 0.3 else 0.08), 0.06
    else:
        return albedo
    share = np.clip((width - edge) / 0.02 + 0.5, 0, 1) * strength
    return np.asarray(albedo + (np.asarray(tone, u.dtype) - albedo) * share[..., None])


def _thickness(mask: Mask, u: Floats, v: Floats, rng: np.random.Generator) -> Floats:
    """Uneven brightness: thin fleece shows the dark and the bright beneath, all cloth has spots
    that are worn or folded double."""
    grid = rng.normal(0, 1, (7, 9)).astype(np.float32)
    x, y = ((u + 1.2) / 2.4 * 8).astype(np.float32), ((v + 0.2) / 1.4 * 6).astype(np.float32)
    field = cv2.remap(grid, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT).astype(u.dtype)
    strength = 0.035 if mask.shape.style in ("surgical", "kn95") else 0.025
    return np.asarray(1 + strength * np.clip(field, -2, 2))
