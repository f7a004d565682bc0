"""Executors of one and of several workers."""

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from data.exceptions import WorkerError
from data.pool import count_workers, map_bounded, map_ordered, open_executor


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


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_mapping_takes_a_few_at_a_time(workers: int, count: int) -> None:
    """What is taken is never more than `ahead` a worker beyond what was given back."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(count):
            taken += 1
            yield number

    with open_executor(workers) as executor:
        assert count_workers(executor) == workers
        for given, (item, result) in enumerate(map_bounded(executor, abs, items(), ahead=3)):
            assert item == result
            assert taken <= given + 3 * workers
        assert taken == count
        taken = 0
        for given, result in enumerate(map_ordered(executor, abs, items(), ahead=3)):
            assert result == given
            assert taken <= given + 3 * workers
        assert taken == count


@pytest.mark.parametrize("mapping", [map_bounded, map_ordered], ids=lambda f: f.__name__)
def test_first_error_ends_a_mapping(mapping: Callable[..., Iterator[object]]) -> None:
    with open_executor(2) as executor:
        with pytest.raises(ValueError, match="math domain error"):
            list(mapping(executor, math.sqrt, [1, 4, -1, 9]))
        assert executor.submit(abs, -3).result() == 3


@pytest.mark.skipif(os.name == "nt", reason="no such signal there")
def test_killed_process_is_one_line() -> None:
    with pytest.raises(WorkerError, match="a worker process was killed"), open_executor(2) as pool:
        list(map_bounded(pool, signal.raise_signal, [signal.SIGKILL]))


class Shrinking(ThreadPoolExecutor):
    """A cluster that loses its workers but one while tasks wait."""

    asked = 0

    @property
    def workers(self) -> int:
        self.asked += 1
        return 4 if self.asked < 3 else 1


@pytest.mark.parametrize("mapping", [map_bounded, map_ordered])
def test_lost_workers_end_nothing(mapping: Callable[..., Iterator[object]]) -> None:
    with Shrinking(1) as executor:
        assert len(list(mapping(executor, abs, range(40)))) == 40


def held() -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())


@pytest.mark.skipif(os.name == "nt", reason="no POSIX signals there")
def test_workers_never_get_ctrl_c_and_the_caller_does() -> None:
    """Held from their first instruction on: while Python starts, it prints a traceback."""
    with open_executor(2) as executor:
        assert executor.submit(held).result()
    assert not held()


@pytest.fixture
def heard() -> Iterator[None]:
    """Shells start jobs in the background with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.skipif(os.name == "nt", reason="no POSIX signals there")
def test_ctrl_c_in_another_thread_ends_no_start_half_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process's signal is any thread's to take; Python raises in the main one all the same."""
    started = []
    begun = threading.Event()

    def press() -> None:
        begun.wait()
        signal.raise_signal(signal.SIGINT)

    other = threading.Thread(target=press)
    other.start()  # before the start: a thread inherits what is held

    def interrupted_start(*_: object) -> Future[int]:
        begun.set()
        other.join()
        time.sleep(0.01)  # Python looks for signals between instructions
        started.append(True)
        return Future()

    with open_executor(2) as executor:
        monkeypatch.setattr(ProcessPoolExecutor, "submit", interrupted_start)
        before = signal.getsignal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            executor.submit(abs, 1)
        assert started
        assert signal.getsignal(signal.SIGINT) is before
