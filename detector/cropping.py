"""Training on crops: the scale of prediction at the price of smaller pictures."""

from typing import Any


def crop_transforms(transforms: Any, crop: int, imgsz: int) -> None:
    """Let ultralytics' random geometry give windows of `crop` px instead of whole pictures.

    Networks do best at the scale that they were trained at (Touvron et al. 2019, "Fixing the
    train-test resolution discrepancy", NeurIPS). Pictures come scaled to `imgsz`, as they are
    predicted at, and a step costs what one of `crop` px costs.

    Args:
        transforms: ultralytics' `Compose` of a training set; changed in place.
        crop: side of a window, px; 0 leaves whole pictures.
        imgsz: longer side of a whole picture, px.
    """
    from ultralytics.data.augment import RandomPerspective

    for transform in _all_transforms(transforms) if crop else ():
        if isinstance(transform, RandomPerspective):
            transform.size = (crop, crop)
            # Windows are centred up to this share of their side away from the picture's centre:
            # far enough to reach its edges.
            transform.translate = max(transform.translate, (imgsz / crop - 1) / 2)


def _all_transforms(transforms: Any) -> list[Any]:
    """The transforms of a `Compose`, and of those within it, in their order."""
    inner = getattr(transforms, "transforms", None)
    if inner is None:
        return [transforms]
    return [found for transform in inner for found in _all_transforms(transform)]
