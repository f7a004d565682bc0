"""The process that serves FiftyOne's App.

FiftyOne has a class for it (fiftyone.core.service.ServerService) that starts one process more,
gives up after 60 s, and, where its user is killed, leaves a server that waits for its database
for ever. Here it is a plain child that the kernel ends with its parent.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from data.exceptions import BrowseError
from eval.browse.children import end_with_parent

START_SECONDS = 300.0  # a busy machine takes long over FiftyOne's imports
_STOP_SECONDS = 1.0  # a graceful end takes 10 s, in which nothing is left to do


class AppServer:
    """FiftyOne's server at `address`, `port`; ready some seconds later (`wait`).

    To be made in the main thread: the kernel takes the end of the thread for that of the parent.

    Args:
        fo: the module fiftyone.
        address: of this machine.
        port: a free one.
        log: file that takes what the server says.
    """

    def __init__(self, fo: Any, address: str, port: int, log: Path) -> None:
        self._where = (address, port)
        self._log = log
        command = [sys.executable, "main.py", "--port", str(port), "--address", address]
        with log.open("wb") as file:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                command,
                cwd=fo.constants.SERVER_DIR,
                env=os.environ | {"FIFTYONE_DISABLE_SERVICES": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is not for it
                preexec_fn=end_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )

    def wait(self) -> None:
        """Until it answers.

        Raises:
            BrowseError: if it ends or takes too long.
        """
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(self._where, 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise BrowseError(
            f"expected FiftyOne's App to start, but it didn't; what it said: {self._log}"
        )

    def stop(self) -> None:
        """End it. Called by FiftyOne, too."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
