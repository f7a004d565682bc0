"""Timing that bears other work on the machine: repeats, interleaved with what is compared."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.exceptions import UsageError

# Does its work once and says how many pictures that were.
Work = Callable[[], int]


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of repeated measurements."""

    median: float
    low: float
    high: float
    repeats: int

    def __str__(self) -> str:
        return f"{self.median:.1f} ({self.low:.1f} to {self.high:.1f})"


def spread(values: Sequence[float]) -> Spread:
    """Of one measurement or more."""
    array = np.array(values, dtype=np.float64)
    return Spread(float(np.median(array)), float(array.min()), float(array.max()), len(array))


def measure_rates(works: Sequence[Work], repeats: int) -> list[list[float]]:
    """Pictures/s of each work in each repeat: (works, repeats).

    One repeat does every work once, the second half of them in opposite order, so that a machine
    that gets slower or busier meets them alike.

    Raises:
        UsageError: if `repeats` is below 1.
    """
    if repeats < 1:
        raise UsageError(f"expected --repeats of 1 or more, but got {repeats}")
    rates: list[list[float]] = [[] for _ in works]
    for number in range(repeats):
        order = range(len(works)) if number % 2 == 0 else reversed(range(len(works)))
        for k in order:
            rates[k].append(_rate(works[k]))
    return rates


def _rate(work: Work) -> float:
    start = time.perf_counter()
    pictures = work()
    return pictures / max(time.perf_counter() - start, 1e-9)


def describe_machine() -> dict[str, Any]:
    """Processor, cores and how busy they are with other work; None where the system doesn't say."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8", errors="replace").splitlines() if cpu.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"processor": names[0] if names else None, "cores": os.cpu_count(), "load": load}
