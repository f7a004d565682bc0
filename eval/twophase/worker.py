"""The process that trains the classifier: `python -m eval.twophase.worker RUN_FOLDER ERROR_FILE`.

Reads the job from RUN_FOLDER/run.json; on failure writes one line to ERROR_FILE.
"""

import copy
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Ints
from data.dataset import find_samples
from data.exceptions import TrainingError
from data.extras import require
from data.files import atomic_path
from data.labels import CLASS_NAMES
from detector.environment import core_count
from detector.job import RUN_FILE, work
from detector.train import LAST
from eval.twophase.card import draw_curves, write_card
from eval.twophase.crops import CONTEXT, CropSet, collect_crops, plain, vary
from eval.twophase.network import build, export, normalise
from eval.twophase.train import CURVES, ONNX_NAME, ClassifierConfig

log = logging.getLogger(__name__)

BEST = Path("weights", "best.pt")
# Crops of the validation split, as a share of those trained on.
_VAL_SHARE = 0.2
# What a run is gone on with.
STATEFUL = ("network", "average", "optimiser", "schedule")
_KEEP = 0.995  # of the average, a step: it spans some 200
_SMALL_STEP = 16 * 64 * 64  # pixels of a batch


def main(argv: list[str]) -> int:
    """Train as RUN_FOLDER/run.json says; its exit status (detector.job)."""
    logging.basicConfig(level=logging.INFO, format="maskwatch: %(message)s")
    return work(argv, run)


def run(out: Path) -> None:
    """Train or go on training, then export, draw and describe what came out.

    The card is written last: it marks a run as finished.
    """
    job = json.loads((out / RUN_FILE).read_text(encoding="utf-8"))
    config = ClassifierConfig(**job["two_phase"])
    torch = require("torch", "train")
    train, val = read_crops(Path(job["data"]), config)
    state = fit(out, config, job["device"], train, val, resume=job["resume"])
    network = build("random")[0]
    network.load_state_dict(torch.load(out / BEST, weights_only=True)["average"])
    draw_curves(state["history"], out / CURVES)
    export(network, config.imgsz, CONTEXT, out / ONNX_NAME)
    write_card(out, job, state, (train, val))


def thread_count(config: ClassifierConfig, load: float) -> int:
    """Threads of torch on a CPU where others keep `load` cores busy.

    Threads wait for each other at every layer, which small steps don't gain back; and with fewer
    free cores than threads each layer waits for the scheduler: on two cores with nine others
    running, two threads did not end 12 steps in a minute, one did 21 crops/s.
    """
    if config.batch * config.imgsz**2 <= _SMALL_STEP:
        return 1
    return max(1, min(core_count(), round(core_count() - load)))


def share_cores(config: ClassifierConfig, device: str, own: int) -> int:
    """Set torch's threads by what others leave free now; `own` of the load were ours.

    Returns:
        How many there are now.
    """
    if device != "cpu":
        return own
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    count = thread_count(config, max(0.0, load - own))
    require("torch", "train").set_num_threads(count)
    return count


def read_crops(data: Path, config: ClassifierConfig) -> tuple[CropSet, CropSet]:
    """Faces to train on and faces to validate with, the same in every run of the seed.

    Raises:
        DatasetError: if a split has no face that is large enough.
    """
    train, val = (
        collect_crops(
            find_samples(data, split), round(config.crops * share), np.random.default_rng(seed)
        )
        for split, share, seed in (
            ("train", 1.0, [config.seed, 0]),
            ("val", _VAL_SHARE, [config.seed, 1]),
        )
    )
    log.info("%d faces to train on, %d to validate with", len(train.images), len(val.images))
    return train, val


@dataclass(frozen=True)
class Parts:
    """What one training step needs; `average` follows the network, and is what is kept."""

    network: Any
    average: Any
    optimiser: Any
    schedule: Any
    loss: Any


def fit(
    out: Path, config: ClassifierConfig, device: str, train: CropSet, val: CropSet, *, resume: bool
) -> dict[str, Any]:
    """Train epoch by epoch, keeping the last and the best; the state after the last.

    Keys of the state: network, average, optimiser, schedule (of torch), start (what `build` said),
    epoch (number done), best (row of the best epoch), history (one mapping an epoch).
    """
    torch = require("torch", "train")
    torch.manual_seed(config.seed)
    where = torch.device(f"cuda:{device}" if device.isdigit() else device)
    state: dict[str, Any] = torch.load(out / LAST, weights_only=True) if resume else {}
    network, start = build("random" if state else config.start)
    parts = make_parts(network.to(where), config, train)
    history: list[dict[str, float]] = []
    if state:
        if not set(STATEFUL) <= state.keys():
            raise TrainingError(f"{out}: this run was begun by an older version; start a new one")
        for name in STATEFUL:
            getattr(parts, name).load_state_dict(state[name])
        history, start = state["history"], state["start"]
    threads = 0
    for epoch in range(len(history), config.epochs):
        threads = share_cores(config, device, threads)
        begin = time.monotonic()
        rng = np.random.default_rng([config.seed, 2, epoch])
        scores = {"epoch": epoch + 1.0, **train_epoch(parts, train, config, rng)}
        scores |= {f"val_{k}": v for k, v in score(parts, val, config).items()}
        history.append(scores)
        best = max(range(len(history)), key=lambda row: history[row]["val_balanced"])
        state = {name: getattr(parts, name).state_dict() for name in STATEFUL}
        state |= {"start": start, "best": best, "epoch": epoch + 1, "history": history}
        # The best first: whoever resumes after the last was written has both.
        for file in [BEST, LAST] if best == epoch else [LAST]:
            with atomic_path(out / file) as temporary:
                torch.save(state, temporary)
        log.info("%s (%.0f s)", describe(scores, config.epochs), time.monotonic() - begin)
    return state


def make_parts(network: Any, config: ClassifierConfig, train: CropSet) -> Parts:
    """Optimiser, schedule and loss for a network; rare classes weigh more, by the square root of
    how rare they are."""
    torch = require("torch", "train")
    counts = np.maximum(list(train.counts().values()), 1)
    weights = np.sqrt(counts.sum() / counts / len(CLASS_NAMES))
    where = next(network.parameters()).device
    loss = torch.nn.CrossEntropyLoss(
        torch.tensor(weights, dtype=torch.float32, device=where), label_smoothing=0.05
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.lr0, weight_decay=0.02)
    steps = max(1, len(train.images) // config.batch) * config.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.lr0, total_steps=steps + 1, pct_start=0.15
    )
    return Parts(network, copy.deepcopy(network).eval(), optimiser, schedule, loss)


def follow(average: Any, network: Any, step: int) -> None:
    """Move the average's weights and statistics towards the network's after `step` steps.

    An exponential average (Polyak & Juditsky 1992), short in the beginning.
    """
    share = max(1 - _KEEP, 1 / (1 + step / 10))
    now = network.state_dict()
    for name, kept in average.state_dict().items():
        if kept.dtype.is_floating_point:
            kept.lerp_(now[name], share)
        else:
            kept.copy_(now[name])


def batches(count: int, size: int, order: Ints) -> Iterator[Ints]:
    """Positions of each batch; a last one that is smaller is left out, unless it is the only one
    (a batch of one has no variance to normalise by)."""
    for start in range(0, max(count - size + 1, 1), size):
        yield order[start : start + size]


def train_epoch(
    parts: Parts, train: CropSet, config: ClassifierConfig, rng: np.random.Generator
) -> dict[str, float]:
    """One pass over the crops, each varied anew; loss and accuracy."""
    parts.network.train()
    parent = os.getppid()
    losses, right, seen = [], 0, 0
    order = rng.permutation(len(train.images))
    for chosen in batches(len(order), config.batch, order):
        if os.getppid() != parent:  # no orphan trains on
            raise KeyboardInterrupt
        crops = np.stack([vary(train.images[k], config.imgsz, rng) for k in chosen])
        inputs, labels = to_tensors(crops, train.class_ids[chosen], parts)
        logits = parts.network(inputs)
        loss = parts.loss(logits, labels)
        parts.optimiser.zero_grad()
        loss.backward()
        parts.optimiser.step()
        parts.schedule.step()
        follow(parts.average, parts.network, parts.schedule.last_epoch)
        losses.append(float(loss.detach()))
        log.debug("%d of %d crops", seen, len(order))
        right += int((logits.argmax(1) == labels).sum())
        seen += len(chosen)
    return {"loss": float(np.mean(losses)), "accuracy": right / seen}


def to_tensors(crops: Any, class_ids: Ints, parts: Parts) -> tuple[Any, Any]:
    """(B, side, side, 3) uint8 BGR and (B,) classes to what the network takes, on its device."""
    torch = require("torch", "train")
    where = next(parts.network.parameters()).device
    pixels = torch.from_numpy(np.ascontiguousarray(crops[..., ::-1].transpose(0, 3, 1, 2)))
    return normalise(pixels.to(where).float() / 255), torch.from_numpy(class_ids).to(where)


def score(parts: Parts, val: CropSet, config: ClassifierConfig) -> dict[str, float]:
    """Loss, accuracy, each class's recall, and their mean, on crops as the pipeline cuts them."""
    torch = require("torch", "train")
    logits = []
    with torch.no_grad():
        for start in range(0, len(val.images), config.batch):
            images = val.images[start : start + config.batch]
            crops = np.stack([plain(image, config.imgsz) for image in images])
            ids = val.class_ids[start : start + config.batch]
            logits.append(parts.average(to_tensors(crops, ids, parts)[0]).cpu())
    stacked, truth = torch.cat(logits), torch.from_numpy(val.class_ids)
    loss = torch.nn.functional.cross_entropy(stacked, truth)
    hit = (stacked.argmax(1) == truth).numpy()
    recalls = {
        name: float(hit[val.class_ids == k].mean())
        for k, name in enumerate(CLASS_NAMES)
        if (val.class_ids == k).any()
    }
    means = {"loss": float(loss), "accuracy": float(hit.mean())}
    return {**means, **recalls, "balanced": float(np.mean(list(recalls.values())))}


def describe(scores: dict[str, float], epochs: int) -> str:
    """One line for the terminal."""
    return (
        f"epoch {scores['epoch']:.0f} of {epochs}: loss {scores['loss']:.3f}, accuracy "
        f"{scores['accuracy']:.3f}; on val {scores['val_loss']:.3f}, {scores['val_accuracy']:.3f}, "
        f"mean of classes {scores['val_balanced']:.3f}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
