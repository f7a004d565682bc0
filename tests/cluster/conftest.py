"""Real clusters on the loopback interface: a scheduler and workers, processes of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 60.0


@dataclass
class Cluster:
    """A scheduler and its workers; `folder` holds their logs."""

    folder: Path
    address: str = ""
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        file = self.folder / "scheduler.json"
        options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show")
        self.scheduler = self._run("dask_scheduler", *options, "--scheduler-file", str(file))
        log = self.folder / "dask_scheduler-0.log"
        mark = "Scheduler at:"
        wait_until(lambda: mark in log.read_text())
        (line,) = (x for x in log.read_text().splitlines() if mark in x)
        self.address = line.split(mark)[1].strip()

    def add_worker(self, folder: Path | None = None) -> subprocess.Popen[bytes]:
        """One more worker, of one thread; without a nanny, which would start a killed one again.
        It finds maskwatch unless `folder` is another to start in."""
        options = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1")
        worker = self._run("dask_worker", self.address, *options, folder=folder)
        self.workers.append(worker)
        return worker

    def _run(self, program: str, *options: str, folder: Path | None = None) -> "Process":
        number = sum(1 for _ in self.folder.glob(f"{program}-*.log"))
        home = self.folder / f"{program}-{number}"
        home.mkdir()
        environment = {
            **os.environ,
            "PYTHONPATH": str(folder or ROOT),
            "OPENBLAS_NUM_THREADS": "1",
            "DASK_TEMPORARY_DIRECTORY": str(self.folder),
        }
        with (self.folder / f"{program}-{number}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{program}", *options],
                cwd=home,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self, process: subprocess.Popen[bytes] | None) -> None:
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            self.kill(process)


Process = subprocess.Popen[bytes]


def wait_until(done: Callable[[], bool], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@contextmanager
def start_cluster(folder: Path, workers: int) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        cluster.start()
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A scheduler and two workers for all tests of a file."""
    with start_cluster(tmp_path_factory.mktemp("cluster"), 2) as cluster:
        yield cluster


@pytest.fixture
def small_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and one worker for one test, to be broken."""
    (tmp_path / "cluster").mkdir()
    with start_cluster(tmp_path / "cluster", 1) as cluster:
        yield cluster
