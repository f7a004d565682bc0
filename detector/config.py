"""Training numbers, each with its reason."""

from dataclasses import asdict, dataclass
from typing import Any

CPU_IMGSZ, GPU_IMGSZ = 416, 640  # px
CPU_BATCH, GPU_BATCH = 16, 32


@dataclass(frozen=True)
class Preset:
    """A network by its start weights, and what it needs.

    Attributes:
        init: COCO weights that ultralytics offers by this name.
        summary: for whom it is.
        batch: on a CPU; 0 for the default.
        lr0: highest learning rate.
    """

    init: str
    summary: str
    batch: int
    lr0: float


PRESETS = {
    "nano": Preset("yolo26n.pt", "2.4 million parameters, for live video on a laptop", 0, 0.00143),
    # Four times the work; half the batch keeps a step's time and memory, a lower rate its noise.
    "small": Preset("yolo26s.pt", "9.5 million parameters, for accuracy", 8, 0.001),
}


@dataclass(frozen=True)
class TrainConfig:
    """How a detector is trained. Zero means: chosen by the device, see `for_device`.

    Learning rates are those of AdamW; geometry is in fractions of the picture and degrees.
    """

    epochs: int = 30
    # A 23 px face (the median of public test sets) keeps 15 px at 416; 640 costs 2.4 times as much.
    imgsz: int = 0
    # Side of the windows that training sees of pictures at imgsz, px; 0 for whole pictures.
    crop: int = 0
    # 16 fills two CPU cores and fits 4 GB; a GPU idles below 32.
    batch: int = 0
    # Dataloader processes on a GPU; on a CPU ultralytics loads in the training process.
    workers: int = 8
    # Epochs without a better validation score before stopping early.
    patience: int = 20
    seed: int = 0
    # On a CPU, convolutions in 16 bits, sums and weights in 32 (Kalamkar et al. 2019): steps of 0.5
    # instead of 0.95 s without loading, but losses fall a little more slowly (detector/RECIPE.md).
    bfloat16: bool = False
    # Keep the statistics of normalisations (detector.frozen): to go on from trained weights.
    freeze_bn: bool = False
    # Train the head that is exported, without the end-to-end one. With both, ultralytics lets the
    # weight of the first one's loss, which alone reaches the backbone, fall from .8 to .1.
    one_head: bool = False
    # Where there is a teacher (detector.teacher): learn its boxes, too, not its classes alone.
    teacher_boxes: bool = True
    # Ask about mirror images, too; it takes as long again, and gained nothing (detector/RECIPE.md).
    teacher_mirrored: bool = False

    # What ultralytics' "auto" picks for three classes below 10,000 steps; fixed, so that a
    # larger set doesn't silently change the optimiser (MuSGD) and runs stay comparable.
    # Pictures between two optimiser steps; ultralytics gathers batches until it is reached.
    nbs: int = 64
    optimizer: str = "AdamW"
    lr0: float = 0.00143
    momentum: float = 0.9
    # Bias warm-up from 0.1 is SGD's; AdamW diverges with it.
    warmup_bias_lr: float = 0.0
    # One epoch warms a new head up; the default of three is a third of a short run.
    warmup_epochs: float = 1.0
    # A cosine ends at 1 % of lr0: long low tail for the rare class.
    cos_lr: bool = True
    lrf: float = 0.01

    # Four pictures in one halve the faces: the cheapest source of small faces and crowds.
    mosaic: float = 1.0
    # The last share of epochs sees whole pictures, as prediction does.
    close_mosaic_share: float = 0.15
    scale: float = 0.5
    translate: float = 0.1
    # Heads tilt; more rotation loosens the axis-aligned boxes.
    degrees: float = 5.0
    fliplr: float = 0.5
    # Nobody stands on their head.
    flipud: float = 0.0
    # Skin and fabric colours carry information: little hue, moderate saturation and value.
    hsv_h: float = 0.01
    hsv_s: float = 0.5
    hsv_v: float = 0.4
    # Size jitter makes each CPU step as slow as its largest size; `scale` does the same job.
    multi_scale: float = 0.0

    def for_device(self, device: str) -> "TrainConfig":
        """The same with the device's picture size and batch filled in."""
        on_cpu = device == "cpu"
        values = asdict(self)
        # Crops are taken at the scale of prediction, which is a GPU's anyway.
        whole = CPU_IMGSZ if on_cpu and not self.crop else GPU_IMGSZ
        values["imgsz"] = self.imgsz or whole
        values["batch"] = self.batch or (CPU_BATCH if on_cpu else GPU_BATCH)
        return TrainConfig(**values)

    def to_ultralytics(self) -> dict[str, Any]:
        """As keyword arguments of ultralytics' trainer."""
        values = asdict(self)
        share = values.pop("close_mosaic_share")
        del values["bfloat16"]  # ours: theirs, `amp`, is for GPUs alone
        del values["crop"]  # ours: detector.cropping
        del values["freeze_bn"]  # ours: detector.frozen
        del values["one_head"]  # ours: detector.heads
        del values["teacher_boxes"], values["teacher_mirrored"]  # ours: detector.teacher
        values["close_mosaic"] = max(1, round(self.epochs * share)) if self.epochs > 1 else 0
        return values
