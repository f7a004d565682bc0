"""Speed of a training on the CPU, beside ultralytics' own `yolo train` on the same pictures.

All train in programs of their own, from the same start, with the same picture size, batch and
mosaic; ours also as one goes on from trained weights (`--freeze-bn --one-head`). Timed are the
epochs after the first (the `time` column of results.csv): steps, a validation on one picture, a
checkpoint.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.dataset import find_samples, write_yaml
from data.exceptions import TrainingError, UsageError
from data.files import write_text
from detector.config import TrainConfig
from detector.curves import read_results
from detector.environment import private_environment
from detector.mixing import draw_samples
from detector.train import resolve_init, resolved_yaml, train
from eval.bench.timing import Spread, describe_machine, spread
from eval.report import Table

OURS, ON, RIVAL = "maskwatch train", "maskwatch train --freeze-bn --one-head", "yolo train"
# The first warms up and isn't timed; the last is without mosaic, as the last of every training.
_EPOCHS = 3


@dataclass(frozen=True)
class Outcome:
    """Figures of one run.

    Attributes:
        rates: pictures/s by contestant.
        ratios: median over the repeats of each of ours' rate over the rival's beside it.
        machine: processor, cores, and load before the run.
    """

    rates: dict[str, Spread]
    ratios: dict[str, float]
    machine: dict[str, Any]


def bench_train(
    data: Path,
    *,
    init: str,
    pictures: int = 64,
    imgsz: int = 416,
    batch: int = 16,
    repeats: int = 3,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Train all three ways on so many pictures of a set, in turn, `repeats` times.

    Args:
        data: a data set in our layout.
        init: start weights, as `maskwatch train --init`.
        pictures: of its training split, drawn at random.
        imgsz: longer side, px, a multiple of 32.
        batch: pictures a step.
        repeats: of each contestant.
        say: hears what comes next.

    Raises:
        UsageError: if `repeats` or `pictures` is below 1.
        DatasetError: if the set lacks a split or has fewer pictures.
        TrainingError: if a training fails.
    """
    for option, value in (("repeats", repeats), ("pictures", pictures)):
        if value < 1:
            raise UsageError(f"expected --{option} of 1 or more, but got {value}")
    machine = describe_machine()
    init = resolve_init(init)
    config = TrainConfig(epochs=_EPOCHS, imgsz=imgsz, batch=batch, patience=0)
    rates: dict[str, list[float]] = {OURS: [], ON: [], RIVAL: []}
    with tempfile.TemporaryDirectory() as folder:
        root = _small_set(data, pictures, Path(folder) / "set")
        for number in range(repeats):
            names = list(rates) if number % 2 == 0 else list(rates)[::-1]
            for name in names:
                say(f"{name}, {number + 1} of {repeats}")
                out = Path(folder) / f"{list(rates).index(name)}_{number}"
                if name == RIVAL:
                    _train_rival(root, out, config, init)
                else:
                    on = name == ON
                    _train_ours(root, out, replace(config, freeze_bn=on, one_head=on), init)
                time = read_results(out / "results.csv")["time"]
                rates[name].append(pictures * (len(time) - 1) / float(time[-1] - time[0]))
    ratios = {
        name: float(np.median(np.array(rates[name]) / np.array(rates[RIVAL])))
        for name in (OURS, ON)
    }
    return Outcome({name: spread(values) for name, values in rates.items()}, ratios, machine)


def _small_set(data: Path, count: int, root: Path) -> Path:
    """A set of `count` training pictures and one for validation, copied out of another."""
    chosen = {
        "train": draw_samples(find_samples(data, "train"), count, 0, data),
        "val": find_samples(data, "val")[:1],
    }
    for split, samples in chosen.items():
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for sample in samples:
            shutil.copy(sample.image, root / "images" / split)
            with suppress(FileNotFoundError):  # a picture without faces may have no label
                shutil.copy(sample.label, root / "labels" / split)
    write_yaml(root)
    return root


def _train_ours(root: Path, out: Path, config: TrainConfig, init: str) -> None:
    log = out.with_suffix(".log")
    train(root, out, config, init=init, device="cpu", export=False, log_file=log)


def _train_rival(root: Path, out: Path, config: TrainConfig, init: str) -> None:
    """With ultralytics' own choices where no argument would make the tasks unlike."""
    program = shutil.which("yolo", path=str(Path(sys.executable).parent)) or "yolo"
    listed = root.with_suffix(".yaml")
    write_text(listed, resolved_yaml(root))
    command = [program, "detect", "train", f"model={init}", f"data={listed}", "device=cpu"]
    command += [f"epochs={config.epochs}", f"imgsz={config.imgsz}", f"batch={config.batch}"]
    command += ["close_mosaic=1", "plots=False", f"project={out.parent}", f"name={out.name}"]
    done = subprocess.run(  # noqa: S603 - a list, no shell
        command,
        env={**os.environ, **private_environment()},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise TrainingError(f"yolo train failed on {root}: {' '.join(last)}")


def to_table(outcome: Outcome) -> Table:
    """All contestants, ours first, and how many times as fast as the rival they are."""
    rows = tuple(
        (name, str(rate), f"{outcome.ratios[name]:.2f}x" if name in outcome.ratios else "")
        for name, rate in outcome.rates.items()
    )
    return Table(("", "pictures/s", f"over {RIVAL}"), rows)


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Every figure."""
    return asdict(outcome)
