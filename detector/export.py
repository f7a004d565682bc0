"""Trained weights to ONNX, the one format that prediction loads."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

from data.exceptions import UsageError, WeightsError
from data.extras import require
from data.files import atomic_path, digest, write_text
from detector.environment import private_environment

Head = Literal["one2many", "end2end"]
HEADS: tuple[Head, ...] = ("one2many", "end2end")

# Known to onnxruntime since 1.14 and OpenVINO since 2023; nothing newer is needed.
OPSET = 17


def export_onnx(
    weights: Path,
    out: Path,
    imgsz: int,
    *,
    dynamic: bool = True,
    head: Head = "one2many",
) -> Path:
    """Export a checkpoint to ONNX and write its SHA-256 beside it; returns `out`.

    Input `images`: (batch, 3, height, width) float32 RGB in [0, 1], sides multiples of 32.
    Output `output0` of head "one2many": (batch, 4 + classes, anchors), [cx, cy, w, h] in input
    pixels and class scores, for NMS; of "end2end": (batch, 300, 6), [x1, y1, x2, y2, score,
    class], no NMS. The metadata carries `names`, `imgsz`, `stride` and `end2end`.

    Args:
        weights: an ultralytics checkpoint.
        out: the file to write, whole or not at all.
        imgsz: side in px that the model is meant for, a multiple of 32.
        dynamic: accept any batch, height and width; else 1 x imgsz x imgsz.
        head: YOLO26 trains both; older models have "one2many" alone.

    Raises:
        WeightsError: if the checkpoint can't be loaded or lacks the head.
        UsageError: if imgsz is no positive multiple of 32.
    """
    if imgsz <= 0 or imgsz % 32:
        raise UsageError(f"expected --imgsz as a positive multiple of 32, but got {imgsz}")
    model = _load(weights)
    if head == "end2end" and getattr(model.model.model[-1], "one2one_cv2", None) is None:
        raise WeightsError(f"{weights}: has no end-to-end head; export with --head one2many")
    with tempfile.TemporaryDirectory(prefix="maskwatch-export-") as folder:
        # ultralytics writes beside the checkpoint that the model came from.
        model.model.pt_path = str(Path(folder) / "model.pt")
        # nms=False means the end-to-end head here, None the one that needs NMS outside.
        exported = model.export(
            format="onnx",
            imgsz=imgsz,
            dynamic=dynamic,
            opset=OPSET,
            nms=False if head == "end2end" else None,
            simplify=True,
            device="cpu",
            verbose=False,
        )
        with atomic_path(out) as temporary:
            shutil.copyfile(exported, temporary)
    write_text(out.with_name(out.name + ".sha256"), f"{digest(out)}  {out.name}\n")
    return out


def _load(weights: Path):  # type: ignore[no-untyped-def]
    """The ultralytics model of a checkpoint, loaded without executing what it carries."""
    if not weights.is_file():
        raise WeightsError(f"{weights}: expected a checkpoint (.pt), but there is none")
    os.environ.update(private_environment())
    ultralytics = require("ultralytics", "train")
    try:
        return ultralytics.YOLO(str(weights), task="detect")
    except (TypeError, AttributeError, KeyError, RuntimeError) as error:
        raise WeightsError(
            f"{weights}: expected an ultralytics checkpoint (.pt), but loading failed: {error}"
        ) from error
