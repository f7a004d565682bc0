"""FiftyOne itself and its App: quiet, private, on this machine alone."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.exceptions import BrowseError, UsageError
from data.extras import package_file, require
from eval.browse.locks import have_locks
from eval.browse.mongod import URI, private_database, users_uri
from eval.browse.server import AppServer

DEFAULT_PORT = 5151  # FiftyOne's


def start_fiftyone(folder: Path) -> Any:
    """The module fiftyone, connected to the user's own database or to a private one in `folder`.

    Raises:
        MissingExtraError: if it isn't installed.
        BrowseError: if its database can't be had.
    """
    package_file("fiftyone", "__init__.py", "browse")
    if not users_uri() and have_locks():
        os.environ[URI] = private_database(folder)
    os.environ["FIFTYONE_DO_NOT_TRACK"] = "true"
    os.environ["FIFTYONE_SHOW_PROGRESS_BARS"] = "false"
    # It greets, advertises and warns of MongoDB 6, which is what it brings.
    os.environ.setdefault("FIFTYONE_LOGGING_LEVEL", "ERROR")
    try:
        return require("fiftyone", "browse")
    except (ConnectionError, RuntimeError) as error:
        raise BrowseError(f"expected FiftyOne's database, but it says: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def choose_port(address: str, asked: int | None) -> int:
    """A free port: the one asked for, else FiftyOne's usual one, else any.

    Looked for by us, because FiftyOne silently joins another App that it finds on its port.

    Raises:
        UsageError: if the asked one is taken, or the address isn't this machine's.
    """
    for port in [asked] if asked is not None else [DEFAULT_PORT, 0]:
        try:
            with socket.create_server((address, port)) as server:
                return int(server.getsockname()[1])
        except OSError as error:
            reason = error
    raise UsageError(
        f"expected to serve at {address}, port {asked}, but: {reason.strerror or reason}; choose "
        "another --port, or leave it out for a free one"
    )


@contextmanager
def serving(fo: Any, address: str, port: int, log: Path) -> Iterator[Callable[[Any, str], None]]:
    """The App's server at that address; what is yielded opens the App at a data set's saved view.

    The server needs 5 s, mostly for its imports; what is done in the block goes on meanwhile.

    Raises:
        BrowseError: from the yielded function, if the server doesn't start.
    """
    server = AppServer(fo, address, port, log)

    def show(dataset: Any, view: str) -> None:
        server.wait()
        # Where FiftyOne looks for the servers of its sessions; else it would start another.
        fo.core.session.session._server_services[port] = server
        saved = dataset.load_saved_view(view)
        where = {"address": address, "port": port, "remote": True, "auto": False}
        fo.launch_app(dataset, view=saved, **where)

    try:
        yield show
    finally:
        fo.close_app()
        server.stop()
