"""Options of the verbs whose work can be shared out: processes here, or a cluster."""

import argparse
import os
from collections.abc import Iterable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

from data.exceptions import UsageError

T = TypeVar("T", str, Path)


def add_worker_options(parser: argparse.ArgumentParser, default: str) -> None:
    """`--workers` and `--cluster`; `default` says how many workers there are without them."""
    parser.add_argument("--workers", type=int, metavar="N", help=f"processes (default: {default})")
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="work on a Dask cluster, such as tcp://HOST:8786; its workers must see the same "
        "files at the same paths (docs/cluster.md)",
    )


def check_worker_options(args: argparse.Namespace, paths: Iterable[str]) -> None:
    """Check them; with a cluster, whose workers have other current folders, make the paths
    absolute that the options named `paths` hold.

    Raises:
        UsageError: if they make no sense.
    """
    if args.workers is not None and args.workers < 1:
        raise UsageError(f"expected --workers of 1 or more, but got {args.workers}")
    if args.cluster is None:
        return
    if args.workers is not None:
        raise UsageError("expected --workers for this machine, or --cluster for others, not both")
    for name in paths:
        value = getattr(args, name)
        if isinstance(value, list):
            setattr(args, name, [_absolute(v) for v in value])
        elif value is not None:
            setattr(args, name, _absolute(value))


def _absolute(path: T) -> T:
    # Not Path.resolve: a link may point elsewhere on the workers.
    return type(path)(os.path.abspath(path))  # noqa: PTH100


def open_workers(
    args: argparse.Namespace, reads: Iterable[Path], writes: Path | None, default: int
) -> AbstractContextManager[Executor]:
    """The executor that the options ask for; `default` processes without them.

    Raises:
        WorkerError, MissingExtraError, UsageError: as data.cluster.open_cluster.
    """
    if args.cluster is not None:
        from data.cluster import open_cluster

        return open_cluster(args.cluster, reads, writes)
    from data.pool import open_executor

    return open_executor(args.workers or default)
