"""Training, as seen from the caller: checks, then a process of its own that trains.

The process is needed because glibc and OpenMP read their settings once, when a process starts
(`detector.environment`); it also keeps ultralytics' global state out of the caller.
"""

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from data.dataset import SPLITS, find_samples, read_yaml
from data.exceptions import DatasetError, TrainingError, UsageError
from data.extras import package_file, require
from data.files import write_json, write_text
from detector.config import GPU_IMGSZ, TrainConfig
from detector.environment import INTERRUPTED, training_environment
from detector.job import CONFIDENCES, RUN_FILE
from detector.mixing import (
    Extra,
    choose_samples,
    draw_samples,
    extra_to_json,
    fingerprint_of_extras,
    json_to_extra,
    mixed_list,
)
from detector.soft import read_confidences
from weights.registry import find_weights

log = logging.getLogger(__name__)

DEFAULT_INIT = "yolo26n.pt"
ONNX_NAME = "maskwatch.onnx"
LAST = Path("weights", "last.pt")
CARD = "README.md"
TRAIN_LIST = "train.txt"
KILLED = -9  # by SIGKILL, which Windows doesn't name

_LOWEST = {"epochs": 1, "batch": 0, "nbs": 1, "workers": 0, "patience": 0, "seed": 0}


@dataclass(frozen=True)
class TrainResult:
    """What a finished run left: its folder and the files in it."""

    out: Path
    best: Path
    onnx: Path
    curves: Path
    card: Path


def train(
    data: Path,
    out: Path,
    config: TrainConfig,
    *,
    init: str = DEFAULT_INIT,
    teachers: Sequence[str] = (),
    extras: Sequence[Extra] = (),
    count: int | None = None,
    device: str | None = None,
    resume: bool = False,
    export: bool = True,
    log_file: Path | None = None,
) -> TrainResult:
    """Train on a data set in our layout, export to ONNX, draw curves, write a model card.

    Args:
        data: folder with data.yaml, a train and a val split.
        out: the run's folder; must be new or empty, unless `resume`.
        config: numbers; zeros are filled in for the device. With `resume`, the run's own count.
        init: a checkpoint, an ONNX file or the name of a shipped one, a model's YAML (from
            scratch), or a name that ultralytics downloads.
        teachers: mask detectors, mostly larger ones, whose answers, or the mean of them, are learnt
            beside the labels: checkpoints, ONNX files or names of shipped ones. With `resume`, the
            run's own.
        extras: further sets whose training pictures are mixed in; the validation split stays that
            of `data`. With `resume`, the run's own count.
        count: train on so many pictures of `data` alone, drawn at random; None for all.
        device: as ultralytics takes it ("cpu", "0", "0,1", "mps"); None picks a GPU if there is
            one.
        resume: go on with an interrupted run in `out`.
        export: False ends with the checkpoints: no ONNX file, no curves, no card.
        log_file: where progress goes instead of the terminal.

    Raises:
        DatasetError: if the set is no data set of ours, lacks a split, or `out` is taken.
        TrainingError: if there is nothing to resume, the set has changed, or training fails.
        UsageError: if an option makes no sense.
        KeyboardInterrupt: on Ctrl-C; the last whole epoch is kept for `resume`.
    """
    check_config(config)
    print_of_data = fingerprint(data)
    # Looked for, not imported: that takes seconds and asks whether the network is there.
    package_file("ultralytics", "__init__.py", "train")
    chosen = pick_device(device)
    if resume:
        job = _resumed_job(out, print_of_data)
    else:
        check_out(out)
        if count is not None:
            draw_samples(find_samples(data, "train"), count, 0, data)  # before `out` is made
        job = {
            "config": asdict(config.for_device(chosen)),
            "init": resolve_init(init),
            "teachers": [resolve_teacher(teacher) for teacher in teachers],
            "fingerprint": print_of_data,
            "count": count,
            "extras": [extra_to_json(extra) for extra in extras],
            "extras_fingerprint": fingerprint_of_extras(extras),
        }
    mixed = [json_to_extra(value) for value in job.get("extras", [])]
    job |= {"data": str(data.resolve()), "device": chosen, "resume": resume, "export": export}
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / RUN_FILE, job)
    chosen_list = out / TRAIN_LIST if mixed or job.get("count") else None
    if chosen_list is not None:
        write_text(chosen_list, mixed_list(data, mixed, job.get("count")))
    write_text(out / "data.yaml", resolved_yaml(data, chosen_list))
    confidences = read_confidences([data, *(extra.root for extra in mixed)])
    if confidences:
        write_json(out / CONFIDENCES, confidences)
    else:
        (out / CONFIDENCES).unlink(missing_ok=True)
    with _left_clean(mixed):
        _run_worker(out, chosen, log_file)
    return TrainResult(
        out,
        out / "weights" / "best.pt",
        out / ONNX_NAME,
        out / "curves.png",
        out / CARD,
    )


def check_config(config: TrainConfig) -> None:
    """Raises UsageError naming the first number that makes no sense."""
    for name, low in _LOWEST.items():
        value = getattr(config, name)
        if value < low:
            raise UsageError(f"expected --{name} of at least {low}, but got {value}")
    if not 0 < config.lr0 <= 1:
        raise UsageError(f"expected --lr0 above 0 and up to 1, but got {config.lr0}")
    if config.imgsz < 0 or config.imgsz % 32:
        raise UsageError(f"expected --imgsz as a multiple of 32, but got {config.imgsz}")
    if config.crop < 0 or config.crop % 32:
        raise UsageError(f"expected --crop as a multiple of 32, but got {config.crop}")
    whole = config.imgsz or GPU_IMGSZ
    if config.crop > whole:
        raise UsageError(
            f"expected --crop of at most --imgsz, to which pictures are scaled before ({whole}), "
            f"but got {config.crop}"
        )


def check_out(out: Path) -> None:
    """Raises DatasetError if `out` holds anything but a run that ended before its first epoch."""
    stillborn = (out / RUN_FILE).is_file() and not (out / LAST).is_file()
    if out.exists() and not stillborn and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(
            f"{out}: expected a new or empty folder; choose another --out, or go on with --resume"
        )


def fingerprint(root: Path) -> str:
    """64 hex digits that change when a picture is added, removed or resized, or a label changes.

    Pictures count by name and size in bytes: reading them all would take longer than an epoch's
    start.

    Raises:
        DatasetError: if it isn't a data set of ours or a split is missing.
    """
    read_yaml(root)
    value = hashlib.sha256()
    for split in SPLITS:
        for sample in find_samples(root, split):
            value.update(f"{split} {sample.image.name} {sample.image.stat().st_size}\n".encode())
            if sample.label.is_file():
                value.update(sample.label.read_bytes())
    return value.hexdigest()


def resolved_yaml(root: Path, train_list: Path | None = None) -> str:
    """`data.yaml` with an absolute path: ultralytics takes "." as the working directory.

    A list of pictures replaces the set's own training split.
    """
    config = read_yaml(root)
    kept = {key: config[key] for key in (*SPLITS, "names")}
    if train_list is not None:
        kept["train"] = str(train_list.resolve())
    return yaml.safe_dump({"path": str(root.resolve()), **kept}, sort_keys=False)


def pick_device(device: str | None) -> str:
    """The device asked for, else the first GPU, else "cpu"."""
    if device:
        return device
    torch = require("torch", "train")
    if torch.cuda.is_available():
        return "0"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def resolve_init(init: str) -> str:
    """Start weights as an absolute path where they are a file, else the name.

    Raises:
        TrainingError: if a path is given and there is nothing.
    """
    path = find_weights(Path(init))
    if path.is_file():
        _warn_of_pickle(path)
        return str(path.resolve())
    if path.name != init or path.suffix not in {".pt", ".yaml"}:
        raise TrainingError(
            f"{init}: expected start weights (.pt, .onnx or .yaml), but there are none"
        )
    return init


def resolve_teacher(teacher: str) -> str:
    """A teacher's weights as an absolute path.

    Raises:
        TrainingError: if there is no such file, or it is neither a checkpoint nor ONNX.
    """
    path = find_weights(Path(teacher))
    if not path.is_file() or path.suffix not in {".pt", ".onnx"}:
        raise TrainingError(
            f"{teacher}: expected a teacher's weights (.pt, .onnx or the name of shipped ones), "
            f"but {'it is another file' if path.is_file() else 'there are none'}"
        )
    _warn_of_pickle(path)
    return str(path.resolve())


def _warn_of_pickle(path: Path) -> None:
    if path.suffix == ".pt":
        log.warning(
            "%s is a pickle, which can carry code: it is loaded with torch's weights_only and "
            "ultralytics' own classes alone, which refuses such code; prefer files you trust",
            path,
        )


def _resumed_job(out: Path, print_of_data: str) -> dict[str, Any]:
    """The job of an interrupted run, checked against the data of today."""
    try:
        job: dict[str, Any] = json.loads((out / RUN_FILE).read_text(encoding="utf-8"))
        TrainConfig(**job["config"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{out}: expected an interrupted run to resume ({error})") from error
    if (out / CARD).is_file():
        raise TrainingError(f"{out}: this run is finished; train again with another --out")
    if not (out / LAST).is_file():
        raise TrainingError(
            f"{out}: expected {LAST} to resume from, but no epoch was finished; "
            "start again without --resume"
        )
    if job.get("fingerprint") != print_of_data:
        raise TrainingError(
            f"{out}: the data set isn't the one this run began with; give that one, or start "
            "a new run with --init weights/last.pt of this one"
        )
    extras = [json_to_extra(value) for value in job.get("extras", [])]
    if job.get("extras_fingerprint", "") != fingerprint_of_extras(extras):
        raise TrainingError(
            f"{out}: the sets mixed in aren't as this run began with them; bring them back, or "
            "start a new run with --init weights/last.pt of this one"
        )
    return job


@contextmanager
def _left_clean(extras: Sequence[Extra]) -> Iterator[None]:
    """Sets mixed in are left as they were: ultralytics keeps its cache of all labels beside those
    whose path comes first."""
    places = {s.label.parent.with_suffix(".cache") for e in extras for s in choose_samples(e)}
    fresh = [place for place in places if not place.exists()]
    try:
        yield
    finally:
        for place in fresh:
            place.unlink(missing_ok=True)


def _run_worker(out: Path, device: str, log_file: Path | None) -> None:
    run_worker("detector.worker", out, device, log_file)


def run_worker(module: str, out: Path, device: str, log_file: Path | None) -> None:
    """Run a module (`detector.worker`) on the job in `out` and turn its end into ours.

    Raises:
        TrainingError: with the line that it wrote.
        KeyboardInterrupt: if Ctrl-C ended it.
    """
    with tempfile.TemporaryDirectory(prefix="maskwatch-train-") as folder:
        complaint = Path(folder) / "error"
        # -P: a folder `data` where the user stands must not hide our package of that name.
        command = [sys.executable, "-P", "-m", module, str(out.resolve()), complaint]
        code = _wait(command, training_environment(device), log_file)
        if code in (INTERRUPTED, -signal.SIGINT):
            raise KeyboardInterrupt
        if code != 0:
            reason = complaint.read_text(encoding="utf-8") if complaint.is_file() else ""
            raise TrainingError(reason or _tell_end(code))


def _tell_end(code: int) -> str:
    if code == KILLED:
        return (
            "training was killed, as the system does where memory runs out; close other programs "
            "and go on with --resume, or start again with a smaller --batch or --imgsz"
        )
    return f"training ended with code {code}; see its output above"


def _wait(command: list[Any], environment: dict[str, str], log_file: Path | None) -> int:
    """Run a process to its end; Ctrl-C reaches it through the terminal, so wait for its goodbye."""
    target = os.devnull if log_file is None else str(log_file)
    with open(target, "ab") as log_stream:  # noqa: PTH123 - devnull has no Path
        output = None if log_file is None else log_stream
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)  # noqa: S603
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
