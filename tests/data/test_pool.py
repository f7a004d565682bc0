"""Executors of one and of several workers."""

import os
import threading
import time
from concurrent.futures import Future

import pytest

from data.pool import open_executor


@pytest.mark.parametrize("workers", [1, 2])
def test_work_is_done_and_errors_come_back(workers: int) -> None:
    with open_executor(workers) as executor:
        assert [f.result() for f in [executor.submit(pow, n, 2) for n in range(5)]] == [
            0,
            1,
            4,
            9,
            16,
        ]
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()


def test_one_worker_is_this_process() -> None:
    with open_executor(1) as executor:
        assert executor.submit(os.getpid).result() == os.getpid()


def test_two_workers_are_processes() -> None:
    with open_executor(2) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()


def test_leaving_early_drops_what_waits() -> None:
    begun, waiting = threading.Event(), threading.Event()

    def leave() -> Future[bool]:
        with open_executor(1) as executor:
            executor.submit(begun.set)
            executor.submit(time.sleep, 0.2)
            last = [executor.submit(waiting.wait, 60) for _ in range(9)][-1]
            begun.wait()
            return last

    started = time.monotonic()
    assert leave().cancelled()
    assert time.monotonic() - started < 30
