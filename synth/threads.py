"""Threads of a worker: one, whatever the libraries would like."""

from collections.abc import Iterator
from contextlib import contextmanager


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
