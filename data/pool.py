"""Where work runs: the one seam is `concurrent.futures.Executor`.

One worker is a thread of this process, several are processes of this machine, and with the
address of a Dask scheduler they are whatever is connected to it (data.cluster).
"""

import multiprocessing
import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from data.exceptions import WorkerError

T = TypeVar("T")
R = TypeVar("R")

# Tasks that wait at each worker: enough that none idles while results come in, few enough that
# memory doesn't grow with the work.
AHEAD = 4


class LocalProcesses(ProcessPoolExecutor):
    """Processes of this machine that end with the process that started them."""

    def __init__(self, workers: int) -> None:
        # Fresh interpreters: forking a process whose libraries have threads can hang. Linear
        # algebra threads in each worker would fight for the same cores.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        context = multiprocessing.get_context("spawn")
        super().__init__(workers, mp_context=context, initializer=_obey_parent)
        self.workers = workers

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """As in the base class, which starts the processes here."""
        with _ctrl_c_held():
            return super().submit(fn, *args, **kwargs)


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Hold Ctrl-C back until the end; processes started within never get it.

    They inherit the held signal: by the time they could ignore it themselves, they may already
    have printed a traceback. Another thread of this process may take it instead, whose handler
    Python runs in the main thread: there it is noted alone, or it would end a start half-way,
    and the new process would print a traceback over what it wasn't told.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    noted: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if main else None
    if callable(handler):  # else it isn't Python's, or Ctrl-C is ignored, as in background jobs
        signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # what was held back is noted now
        if callable(handler):
            signal.signal(signal.SIGINT, handler)
        if noted:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def open_executor(workers: int) -> Iterator[Executor]:
    """An executor of that many processes; one worker is a thread of this process.

    Raises:
        WorkerError: in place of BrokenProcessPool, if a worker process was killed.
    """
    executor = ThreadPoolExecutor(1) if workers == 1 else LocalProcesses(workers)
    try:
        yield executor
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process was killed, for want of memory perhaps; finished work stays: "
            "go on with fewer --workers"
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def count_workers(executor: Executor) -> int:
    """How many tasks run at once, now: workers of a cluster come and go."""
    return max(1, int(getattr(executor, "workers", 1)))


def map_bounded(
    executor: Executor, work: Callable[[T], R], items: Iterable[T], ahead: int = AHEAD
) -> Iterator[tuple[T, R]]:
    """Each item with `work(item)`, whichever is ready first; what waits is cancelled at the end.

    Items are taken from `items` as workers get free, `ahead` a worker at most, so that neither
    tasks nor results pile up.

    Raises:
        Exception: what `work` raises.
    """
    coming = iter(items)
    pending: dict[Future[R], T] = {}
    # Not futures.wait: it goes through all that are pending, for each that is done.
    done: queue.SimpleQueue[Future[R]] = queue.SimpleQueue()
    try:
        while True:
            for item in islice(coming, _room(executor, ahead, len(pending))):
                future = executor.submit(work, item)
                pending[future] = item
                future.add_done_callback(done.put)
            if not pending:
                return
            future = done.get()
            yield pending.pop(future), future.result()
    finally:
        for future in pending:
            future.cancel()


def _room(executor: Executor, ahead: int, pending: int) -> int:
    """How many more tasks may be submitted; none while a cluster has lost workers."""
    return max(0, ahead * count_workers(executor) - pending)


def map_ordered(
    executor: Executor, work: Callable[[T], R], items: Iterable[T], ahead: int = AHEAD
) -> Iterator[R]:
    """`work(item)` of each item in their order, at most `ahead` a worker submitted.

    Raises:
        Exception: what `work` raises.
    """
    coming = iter(items)
    pending: deque[Future[R]] = deque()
    try:
        while True:
            for item in islice(coming, _room(executor, ahead, len(pending))):
                pending.append(executor.submit(work, item))
            if not pending:
                return
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def _obey_parent() -> None:
    """End this worker when the process that started it is gone: a pool whose owner was killed
    waits for work forever. Ctrl-C is left to that process, or every worker prints a traceback.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_wait_and_exit, args=(parent,), daemon=True).start()


def _wait_and_exit(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
