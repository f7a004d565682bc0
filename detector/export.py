"""Trained weights to ONNX, the one format that prediction loads."""

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from data.exceptions import UsageError, WeightsError
from data.extras import require
from data.files import atomic_path, digest, write_text
from detector.average import average_into, parse_shares
from detector.environment import private_environment
from detector.halve import halve
from detector.heads import drop_second_head, has_second_head
from detector.widen import widen

Head = Literal["one2many", "end2end"]
HEADS: tuple[Head, ...] = ("one2many", "end2end")

# Known to onnxruntime since 1.14 and OpenVINO since 2023; nothing newer is needed.
OPSET = 17

# Entries of ultralytics' metadata that stay.
METADATA = ("names", "imgsz", "stride", "end2end", "task", "head", "channels", "version", "license")


def export_onnx(
    weights: Path,
    out: Path,
    imgsz: int,
    *,
    dynamic: bool = True,
    head: Head = "one2many",
    others: Sequence[Path] = (),
    shares: str | None = None,
    side_by_side: bool = False,
    half: bool = False,
) -> Path:
    """Export a checkpoint, or several as one, to ONNX and write its SHA-256 beside it; returns
    `out`.

    Input `images`: (batch, 3, height, width) float32 RGB in [0, 1], sides multiples of 32.
    Output `output0` of head "one2many": (batch, 4 + classes, anchors), [cx, cy, w, h] in input
    pixels and class scores, for NMS; of "end2end": (batch, 300, 6), [x1, y1, x2, y2, score,
    class], no NMS, for sides of at least 128 px. The metadata carries `names`, `imgsz`,
    `stride` and `end2end`.

    Args:
        weights: an ultralytics checkpoint.
        out: the file to write, whole or not at all.
        imgsz: side in px that the model is meant for, a multiple of 32.
        dynamic: accept any batch, height and width; else 1 x imgsz x imgsz.
        head: YOLO26 trains both; older models have "one2many" alone.
        others: further checkpoints of the same network, to be averaged with the first.
        shares: of all of them in turn, as in "2,3"; equal ones if None.
        side_by_side: put two nano networks into one small network instead (detector.widen).
        half: store weights in 16 bits (detector.halve).

    Raises:
        WeightsError: if a checkpoint can't be loaded, lacks the head, or is of another network.
        UsageError: if imgsz is no positive multiple of 32, or the number of checkpoints is wrong.
    """
    if imgsz <= 0 or imgsz % 32:
        raise UsageError(f"expected --imgsz as a positive multiple of 32, but got {imgsz}")
    with _quiet(), tempfile.TemporaryDirectory(prefix="maskwatch-export-") as folder:
        model = _combine([weights, *others], shares, side_by_side)
        if head == "end2end" and not has_second_head(model.model):
            raise WeightsError(f"{weights}: has no end-to-end head; export with --head one2many")
        # ultralytics writes beside the checkpoint that the model came from.
        model.model.pt_path = str(Path(folder) / "model.pt")
        # nms=False means the end-to-end head here, None the one that needs NMS outside.
        nms = False if head == "end2end" else None
        exported = Path(
            model.export(
                format="onnx", imgsz=imgsz, dynamic=dynamic, opset=OPSET, nms=nms, device="cpu"
            )
        )
        clean_metadata(exported)
        if half:
            halve(exported)
        with atomic_path(out) as temporary:
            shutil.copyfile(exported, temporary)
    write_text(out.with_name(out.name + ".sha256"), f"{digest(out)}  {out.name}\n")
    return out


def combine_checkpoints(
    weights: Sequence[Path], shares: str | None, out: Path, *, side_by_side: bool = False
) -> Path:
    """Several checkpoints as one that training can start from; returns `out`.

    Args:
        weights: ultralytics checkpoints of one network, two or more.
        shares: of each in the average, as in "2,3"; equal ones if None.
        out: the file to write.
        side_by_side: put two nano networks into one small network instead (detector.widen).

    Raises:
        WeightsError, UsageError: as export_onnx.
    """
    with _quiet():
        _combine(weights, shares, side_by_side).save(str(out))
    return out


def _combine(weights: Sequence[Path], shares: str | None, side_by_side: bool) -> Any:
    """The ultralytics model of one checkpoint, or of several as one."""
    if side_by_side and (len(weights) != 2 or shares is not None):
        raise UsageError(
            "expected two checkpoints, and no --shares, with --widen, but got "
            f"{len(weights)} and --shares {shares}"
        )
    parts = parse_shares(shares, len(weights))
    models = [_load(path) for path in weights]
    if not all(has_second_head(model.model) for model in models):
        for model in models:
            drop_second_head(model.model)
    first, *others = models
    if side_by_side:
        first.model = widen(first.model, others[0].model)
    elif others:
        average_into(first.model, [other.model for other in others], parts)
    return first


def clean_metadata(path: Path) -> None:
    """Keep what prediction reads, and drop what differs by machine and day: paths and dates."""
    onnx = require("onnx", "train")
    model = onnx.load(str(path))
    kept = [entry for entry in model.metadata_props if entry.key in METADATA]
    values = {entry.key: entry.value for entry in kept}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {key: values[key] for key in METADATA if key in values})
    # Shapes of inner tensors: readers infer them, and the simplifier leaves a random part.
    del model.graph.value_info[:]
    onnx.save(model, str(path))


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide torch's remarks on tracing and ultralytics' hints, which name temporary files."""
    logger = logging.getLogger("ultralytics")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def _load(weights: Path) -> Any:
    """The ultralytics model of a checkpoint, refused where it carries more than a model."""
    if not weights.is_file():
        raise WeightsError(f"{weights}: expected a checkpoint (.pt), but there is none")
    os.environ.update(private_environment())
    ultralytics = require("ultralytics", "train")
    tasks = require("ultralytics.nn.tasks", "train")
    logging.getLogger("ultralytics").setLevel(logging.ERROR)
    try:
        # Looks at every class that the pickle names before any is made, whatever the environment
        # was when ultralytics was imported.
        tasks.torch_safe_load(str(weights), safe_only=True)
        return ultralytics.YOLO(str(weights), task="detect")
    except (TypeError, AttributeError, KeyError, RuntimeError, OSError) as error:
        raise WeightsError(
            f"{weights}: expected an ultralytics checkpoint (.pt), but loading failed: {error}"
        ) from error
