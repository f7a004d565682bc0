"""What a camera does to a whole picture: bent lines of a wide lens, blur, darkness, few bits."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from data.extras import require
from synth.scene import Scene, crop

Floats = NDArray[np.float64]

# Share of the pictures with an effect that are seen through a wide lens.
_WIDE_SHARE = 0.3
# Points along each side of a box that are bent to find its new extent.
_SIDE = 9


def photograph(scene: Scene, rng: np.random.Generator) -> Scene:
    """The scene as taken by a poor camera: a random effect over all of it, boxes kept true."""
    if rng.random() < _WIDE_SHARE:
        scene = bend(scene, float(rng.uniform(0.15, 0.75)))
    transforms = _transforms()
    transforms.set_random_seed(int(rng.integers(2**31)))
    image = np.ascontiguousarray(transforms(image=scene.image)["image"], dtype=np.uint8)
    return Scene(image, scene.boxes, scene.records, scene.blurred)


def bend(scene: Scene, strength: float) -> Scene:
    """The scene through a wide-angle lens (a ceiling camera): barrel distortion.

    One-parameter radial model (Brown 1966): a point at radius r from the middle, in half
    diagonals, is taken from radius r (1 + k r^2) / (1 + k), so that the corners stay.

    Args:
        scene: what an ideal lens would see.
        strength: k, 0 for none, about 1 for a fish-eye.
    """
    h, w = scene.image.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float64) + 0.5
    source = _straighten(np.stack([x, y], axis=-1), (w, h), strength) - 0.5
    maps = source.astype(np.float32)
    image = cv2.remap(
        scene.image, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    boxes = np.array([_bend_box(box, (w, h), strength) for box in scene.boxes]).reshape(-1, 4)
    bent = Scene(np.asarray(image, dtype=np.uint8), boxes, scene.records, scene.blurred)
    # The middles of the sides leave the picture: faces there are cut.
    return crop(bent, (0, 0, w, h))


def _straighten(points: Floats, size: tuple[int, int], k: float) -> Floats:
    """(..., 2) pixels of the bent picture to pixels of the straight one."""
    middle = np.array(size) / 2
    p = points - middle
    r2 = (p**2).sum(-1, keepdims=True) / (middle**2).sum()
    return np.asarray(p * (1 + k * r2) / (1 + k) + middle)


def _bend_points(points: Floats, size: tuple[int, int], k: float) -> Floats:
    """(..., 2) pixels of the straight picture to pixels of the bent one: Newton's method on the
    radius, whose cubic rises everywhere for k >= 0."""
    middle = np.array(size) / 2
    diagonal = float(np.hypot(*middle))
    p = points - middle
    wanted = np.linalg.norm(p, axis=-1) / diagonal * (1 + k)
    r = wanted.copy()
    for _ in range(12):
        r = r - (r + k * r**3 - wanted) / (1 + 3 * k * r**2)
    factor = np.where(wanted > 1e-9, r * (1 + k) / np.maximum(wanted, 1e-9), 1 + k)
    return np.asarray(p * factor[..., None] + middle)


def _bend_box(box: Floats, size: tuple[int, int], k: float) -> Floats:
    """The box around a bent face: that of its inscribed ellipse, which faces fill, not that of
    its corners, which are background."""
    turn = np.linspace(0, 2 * np.pi, 4 * _SIDE, endpoint=False)
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    ring = centre + half * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    bent = _bend_points(ring, size, k)
    return np.concatenate([bent.min(0), bent.max(0)])


@contextmanager
def _light_import() -> Iterator[None]:
    """Albumentations imports torch where it is installed, which takes each worker 2 s, for a
    transform that isn't used here; and it asks the internet for a newer version of itself."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    hidden = {} if "torch" in sys.modules else {"torch": None}
    sys.modules.update(hidden)  # type: ignore[arg-type] # None is how Python hides a module
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@cache
def _transforms() -> Any:
    """Effects in the order in which a camera has them, from Albumentations."""
    with _light_import():
        a = require("albumentations", "synth")
    dark = [
        a.RandomBrightnessContrast(brightness_limit=(0, 0), contrast_limit=(-0.65, -0.3), p=1),
        a.GaussNoise(std_range=(0.01, 0.05), noise_scale_factor=0.5, p=1),
    ]
    return a.Compose(
        [
            a.OneOf([a.MotionBlur(blur_limit=(3, 7)), a.Defocus(radius=(1, 2))], p=0.35),
            a.OneOf(
                [a.Sequential(dark, p=1), a.RandomGamma(gamma_limit=(50, 180)), a.RandomFog(p=0.3)],
                p=0.4,
            ),
            a.OneOf([a.ToGray(), a.ToSepia(), a.PlanckianJitter()], p=0.2),
            a.Downscale(
                scale_range=(0.45, 0.85),
                interpolation_pair={"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR},
                p=0.3,
            ),
            a.Sharpen(alpha=(0.1, 0.5), p=0.15),
            a.ImageCompression(quality_range=(15, 60), p=0.45),
        ]
    )
