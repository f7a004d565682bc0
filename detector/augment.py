"""What cameras do to pictures: blur, darkness, noise, few pixels, colour casts, compression.

Every transform changes pixels alone, so boxes stay as they are. Geometry (mosaic, scale, flips)
is ultralytics' part, set in `detector.config`.
"""

from typing import Any

import cv2

from data.extras import require

# White-balance errors: shift of blue, green, red as a share of the range; green errs least.
CAST = [(-0.06, 0.06), (-0.03, 0.03), (-0.06, 0.06)]


def camera_transforms() -> list[Any]:
    """Albumentations transforms in the order in which a camera does them.

    Kernels are small because faces are: a 7 px blur on a 12 px face leaves nothing to learn.
    Made for (H, W, 3) uint8 BGR; 3.3 ms a picture of 416 px on one core. Albumentations draws
    from its own generator, which ultralytics seeds from torch's.

    Raises:
        MissingExtraError: if albumentations isn't installed.
    """
    a = require("albumentations", "train")
    return [
        a.OneOf(_optics(a), p=0.2),
        a.OneOf(_light(a), p=0.35),
        a.OneOf(_noise(a), p=0.15),
        # A far camera or a small stream: fewer pixels, smoothly enlarged.
        a.Downscale(
            scale_range=(0.4, 0.9),
            interpolation_pair={"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR},
            p=0.15,
        ),
        a.AdditiveNoise(
            noise_type="uniform", spatial_mode="constant", noise_params={"ranges": CAST}, p=0.15
        ),
        a.OneOf([a.CLAHE(clip_limit=(1, 3)), a.Sharpen(alpha=(0.1, 0.4))], p=0.1),
        # Infrared cameras at night.
        a.ToGray(p=0.04),
        a.ImageCompression(quality_range=(30, 90), p=0.3),
    ]


def _optics(a: Any) -> list[Any]:
    return [
        a.MotionBlur(blur_limit=(3, 7)),
        a.Defocus(radius=(1, 2), alias_blur=(0.1, 0.3)),
        a.GaussianBlur(blur_limit=(3, 5)),
    ]


def _light(a: Any) -> list[Any]:
    # Underexposure scales light, it doesn't subtract from it; and the dark is noisy.
    dim = [
        a.RandomBrightnessContrast(brightness_limit=(0, 0), contrast_limit=(-0.7, -0.35), p=1),
        a.GaussNoise(std_range=(0.01, 0.04), noise_scale_factor=0.5, p=1),
    ]
    return [
        a.RandomGamma(gamma_limit=(60, 170)),
        a.RandomBrightnessContrast(brightness_limit=(-0.2, 0.25), contrast_limit=(-0.3, 0.3)),
        a.Sequential(dim, p=1),
    ]


def _noise(a: Any) -> list[Any]:
    return [
        a.ISONoise(color_shift=(0.01, 0.05), intensity=(0.1, 0.3)),
        a.GaussNoise(std_range=(0.01, 0.05), noise_scale_factor=0.5),
    ]
