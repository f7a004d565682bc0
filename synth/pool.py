"""Where work runs: the one seam is `concurrent.futures.Executor`."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def open_executor(workers: int) -> Iterator[Executor]:
    """An executor of that many processes; one worker is a thread of this process."""
    executor: Executor
    if workers == 1:
        executor = ThreadPoolExecutor(1)
    else:
        # Fresh interpreters: forking a process whose libraries have threads can hang. Linear
        # algebra threads in each worker would fight for the same cores.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        context = multiprocessing.get_context("spawn")
        executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_obey_parent)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def single_threaded() -> Iterator[None]:
    """OpenCV and linear algebra on one thread each, in whatever process a task runs.

    Workers share the cores already. And sums that threads divide among them round otherwise: one
    pixel in millions then differs between one worker and two.
    """
    import cv2
    from threadpoolctl import threadpool_limits

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield
    finally:
        cv2.setNumThreads(before)


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
