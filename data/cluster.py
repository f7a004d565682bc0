"""Work on other machines: a Dask cluster behind the same seam, `concurrent.futures.Executor`.

Pictures never travel, paths do: every worker has to see the sources and the output at the paths
that they have here. A task may run twice (a worker that is lost may only have been out of
reach), so tasks write the same bytes each time, under temporary names of their own
(data.files.atomic_path).
"""

import logging
import pickle
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from data.exceptions import UsageError, WorkerError
from data.extras import require
from data.needs import Needs, find_fault, local_needs

P = ParamSpec("P")
R = TypeVar("R")

CONNECT = 10.0  # s, for a scheduler to answer and a first worker to be there
PATIENCE = 60.0  # s that work waits for a worker when all are gone
_POLL = 1.0  # s
_GO_ON = "finished work stays, --resume goes on"

log = logging.getLogger(__name__)

# Models and OpenCV's settings are one a process, so a worker of many threads works on one task.
_one_at_a_time = threading.Lock()


@cache
def _assert_able(needs: Needs) -> None:
    """Once a process: refuse work that would go wrong one picture at a time."""
    fault = find_fault(needs)
    if fault:
        from distributed import get_worker

        raise WorkerError(f"worker {get_worker().address} {fault}; {_GO_ON}")


def _entry() -> Callable[[bytes, bytes], Any]:
    """What workers are sent: a function that travels as code, since it is inside another, so
    that one without maskwatch says so rather than breaking down."""

    def enter(needs: bytes, payload: bytes) -> Any:
        from data.cluster import run_task

        return run_task(needs, payload)

    return enter


def run_task(needs: bytes, payload: bytes) -> Any:
    """Run a pickled (function, arguments, keywords) where the pickled `Needs` are met.

    Raises:
        WorkerError: if this worker lacks something.
        Exception: what the function raises.
    """
    _assert_able(pickle.loads(needs))  # noqa: S301 - who reaches the scheduler runs anything
    work, args, kwargs = pickle.loads(payload)  # noqa: S301
    with _one_at_a_time:
        return work(*args, **kwargs)


class ClusterExecutor(Executor):
    """Tasks on the workers of a Dask cluster.

    A task of a worker that is lost goes to another one. When no worker is left for `patience`
    seconds, or the scheduler is gone, every task that waits ends with a WorkerError.
    """

    def __init__(self, client: Any, needs: Needs, patience: float = PATIENCE) -> None:
        self._client = client
        self._needs = pickle.dumps(needs)
        self._enter = _entry()
        self._patience = patience
        self._pending: dict[Future[Any], Any] = {}
        self._lock = threading.Lock()
        self._lost = ""
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="cluster", daemon=True)
        self.workers = len(client.nthreads())
        self._watcher.start()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """As Executor.submit; `fn`, arguments and result must be picklable.

        Raises:
            WorkerError: if the cluster was lost before.
        """
        future: Future[R] = Future()
        # Bytes, which Dask takes as they are: it would look for tasks inside tuples.
        payload = pickle.dumps((fn, args, kwargs))
        with self._lock:
            if self._lost:
                raise WorkerError(self._lost)
            # Not pure: Dask would take a second task like it for the first one.
            remote = self._client.submit(self._enter, self._needs, payload, pure=False)
            self._pending[future] = remote
        future.add_done_callback(self._forget)
        remote.add_done_callback(lambda done: self._pass_on(done, future))
        return future

    def _forget(self, future: Future[Any]) -> None:
        """A task that has ended, also because it was cancelled here."""
        with self._lock:
            remote = self._pending.pop(future, None)
        if future.cancelled() and remote is not None and not self._lost:
            # On the client's own thread: nobody waits for the answer.
            client = self._client
            client.loop.add_callback(lambda: client.cancel([remote], asynchronous=True))

    def _pass_on(self, remote: Any, future: Future[Any]) -> None:
        """The outcome of a task to the one who waits for it; it may have been cancelled since."""
        with suppress(InvalidStateError):
            if remote.status == "finished":
                future.set_result(remote.result())
            elif remote.status == "error":
                future.set_exception(explain(remote.exception()))
            elif not future.cancelled():
                future.set_exception(WorkerError(f"lost the scheduler; {_GO_ON}"))

    def _watch(self) -> None:
        """Look after the workers until the executor is closed or the cluster is lost."""
        alone_since = None
        while not self._closed.wait(_POLL):
            if self._client.status != "running":
                return self._fail(f"lost the scheduler; {_GO_ON}")
            try:
                self.workers = len(self._client.nthreads())
            except (OSError, RuntimeError):
                continue  # the client finds out whether it is lost, and says so by its status
            now = time.monotonic()
            if self.workers:
                alone_since = None
            elif alone_since is None:
                alone_since = now
                log.warning("no worker is left; waiting %.0f s for one", self._patience)
            if alone_since is not None and now - alone_since >= self._patience:
                return self._fail(f"no worker came back within {self._patience:.0f} s; {_GO_ON}")
        return None

    def _fail(self, message: str) -> None:
        with self._lock:
            self._lost = message
            pending = list(self._pending)
        for future in pending:
            with suppress(InvalidStateError):
                future.set_exception(WorkerError(message))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As Executor.shutdown. Nothing that runs on a worker is broken off."""
        with self._lock:
            pending = list(self._pending)
        for future in pending:
            if cancel_futures:
                future.cancel()
            elif wait:
                future.exception()
        self._closed.set()
        self._watcher.join()


def explain(error: BaseException) -> BaseException:
    """An error of a worker in our words, where it is Dask's own."""
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        return WorkerError(
            "the same task ended several workers, for want of memory perhaps; "
            f"give each worker more; {_GO_ON}"
        )
    if isinstance(error, ImportError):
        return WorkerError(f"a worker lacks maskwatch of this version ({error}); {_GO_ON}")
    return error


@contextmanager
def open_cluster(
    address: str, reads: Iterable[Path], writes: Path | None, patience: float = PATIENCE
) -> Iterator[Executor]:
    """An executor on the cluster of the scheduler at `address`, such as tcp://HOST:8786.

    Args:
        address: of the scheduler.
        reads: absolute paths that workers will read.
        writes: absolute path below which they will write; need not exist yet.
        patience: seconds that work waits for a worker when all are gone.

    Raises:
        MissingExtraError: if Dask isn't installed.
        UsageError: if the address is none.
        WorkerError: if the scheduler doesn't answer, has no workers, or a worker lacks
            maskwatch, a path or a library; later, if the cluster is lost.
    """
    require("distributed", "cluster")
    with _connect(address) as client:
        needs = local_needs(reads)
        with _marker(writes) as marks:
            _assert_all_able(client, Needs(needs.versions, needs.code, (*needs.paths, *marks)))
        executor = ClusterExecutor(client, needs, patience)
        try:
            yield executor
        finally:
            executor.shutdown(cancel_futures=True)


@contextmanager
def _connect(address: str) -> Iterator[Any]:
    """A client of the scheduler, with workers."""
    from distributed import Client

    _check_address(address)
    # It tells of every broken connection, with tracebacks; what matters, we say.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=CONNECT, set_as_default=False, name="maskwatch")
    except OSError as error:
        raise WorkerError(
            f"{address}: no scheduler answers within {CONNECT:.0f} s; "
            "start one with: dask scheduler"
        ) from error
    try:
        try:
            client.wait_for_workers(1, timeout=CONNECT)
        except TimeoutError as error:
            raise WorkerError(
                f"{address}: the scheduler has no workers; start some with: "
                f"dask worker {address} --nthreads 1"
            ) from error
        yield client
    finally:
        client.close(timeout=CONNECT)


def _check_address(address: str) -> None:
    """Refuse what Dask would fail on with a traceback; UsageError."""
    from distributed.security import Security

    if not re.fullmatch(r"((tcp|tls)://)?[^/\s]+:\d+", address):
        raise UsageError(
            f"expected a scheduler's address such as tcp://HOST:8786, but got {address!r}"
        )
    certificates = Security().get_connection_args("client").get("ssl_context")
    if address.startswith("tls:") and certificates is None:
        raise UsageError(
            f"{address}: expected certificates in Dask's configuration, but there are none; "
            "set distributed.comm.tls.ca-file and tls.client (docs/cluster.md)"
        )


@contextmanager
def _marker(writes: Path | None) -> Iterator[list[str]]:
    """A file where the output will be, for as long as workers are asked whether they see it."""
    if writes is None:
        yield []
        return
    folder = next(p for p in (writes, *writes.parents) if p.is_dir())
    marker = folder / f".maskwatch-{secrets.token_hex(6)}"
    marker.touch()
    try:
        yield [str(marker)]
    finally:
        marker.unlink(missing_ok=True)


def _assert_all_able(client: Any, needs: Needs) -> None:
    """Ask every worker that is connected now; those that come later are asked by their first task.

    Raises:
        WorkerError: naming the first worker that lacks something, and what.
    """
    versions, code, paths = needs.versions, needs.code, needs.paths

    # A function inside a function travels as code, so that a worker without maskwatch runs it.
    def ask() -> str:
        try:
            from data.needs import Needs, find_fault
        except ImportError:
            return "has no maskwatch of this version; install the same there"
        return find_fault(Needs(versions, code, paths))

    for worker, fault in sorted(client.run(ask).items()):
        if fault:
            raise WorkerError(f"worker {worker} {fault}")
    if max(client.nthreads().values(), default=1) > 1:
        log.warning("a worker does one task at a time; start one a core, each with --nthreads 1")
