"""The environment that ultralytics starts in: offline, private, and fast on a CPU."""

import os
from collections.abc import Mapping
from pathlib import Path

# glibc hands freed memory back at once and maps large blocks anew; with the tensors of a
# training step that costs 40 % of the time (3.6 -> 8.9 pictures/s together with all cores).
# glibc reads these once, when the process starts.
GLIBC_KEEPS_MEMORY: Mapping[str, str] = {
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}

# How a shell reports a process that Ctrl-C ended.
INTERRUPTED = 130


def cache_folder() -> Path:
    """Where ultralytics keeps its settings and downloads for us: the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "maskwatch" / "ultralytics"


def private_environment() -> dict[str, str]:
    """Variables that keep ultralytics from installing, phoning home and writing elsewhere.

    ULTRALYTICS_SAFE_LOAD makes every checkpoint load with torch's `weights_only` and a list of
    ultralytics' own classes, so a stranger's pickle is refused instead of executed.
    """
    return {
        "YOLO_AUTOINSTALL": "false",
        "YOLO_OFFLINE": "true",
        "YOLO_CONFIG_DIR": str(cache_folder()),
        "ULTRALYTICS_SAFE_LOAD": "true",
        "NO_ALBUMENTATIONS_UPDATE": "1",
        "WANDB_MODE": "disabled",
    }


def core_count() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def training_environment(device: str) -> dict[str, str]:
    """The environment of a training process on `device`: ours over the caller's."""
    environment = {**os.environ, **private_environment()}
    if device == "cpu":
        environment |= GLIBC_KEEPS_MEMORY
        # ultralytics would set 1 where nothing is set.
        environment["OMP_NUM_THREADS"] = str(core_count())
    return environment
