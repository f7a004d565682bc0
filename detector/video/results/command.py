"""Alerts by a local command: no shell, a time-out, one at a time."""

import contextlib
import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from typing import Any

from data.exceptions import UsageError
from detector.video.results.access import SECRET_VARIABLE, TOKEN_VARIABLE
from detector.video.results.background import Background, Trouble

log = logging.getLogger(__name__)

TIMEOUT = 10.0
_PASSED_ON = ("alert", "source", "zone", "track", "state", "confidence", "utc", "time")


class AlertCommand(Background[Mapping[str, Any]]):
    """Runs a command for each alert, in order, while the video goes on.

    The command gets the alert as JSON on its standard input and the plain facts in variables
    such as MASKWATCH_ALERT and MASKWATCH_SOURCE. No shell sees any of it. Its output is dropped.

    Args:
        command: program and arguments, split as a shell would, nothing expanded.
        timeout: seconds after which it is killed, with all that it started.

    Raises:
        UsageError: if the command is empty, wrongly quoted or not found.
    """

    def __init__(self, command: str, *, timeout: float = TIMEOUT) -> None:
        self._words = split_command(command)
        self._timeout = timeout
        name = f"alert command {self._words[0]}"
        super().__init__(name, Trouble(log, f"{name}: failed", f"{name}: works again"), size=16)

    def _work_on(self, alert: Mapping[str, Any], stop: threading.Event) -> None:
        facts = json.dumps(alert, ensure_ascii=False, allow_nan=False) + "\n"
        try:  # the user's own command, split, without a shell
            process = subprocess.Popen(  # noqa: S603
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**without_secrets(os.environ), **environment(alert)},
                start_new_session=True,  # Ctrl-C is for the video; and its children die with it
            )
        except OSError as error:
            self._trouble.report(error.strerror or str(error))
            return
        if not _ends_in_time(process, facts.encode(), self._timeout, stop):
            _kill(process)
            self._trouble.report(f"killed, it ran longer than {self._timeout:g} s")
        elif process.returncode:
            self._trouble.report(f"exit status {process.returncode}")
        else:
            self._trouble.over()


def split_command(command: str) -> list[str]:
    """Program and arguments, the program as its full path.

    Raises:
        UsageError: if the command is empty, wrongly quoted or not found.
    """
    try:
        # In posix mode, the backslashes of Windows paths would be eaten.
        words = shlex.split(command, posix=os.name != "nt")
    except ValueError as error:
        raise UsageError(f"--alert-command: expected closed quotes, but got {command!r}") from error
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise UsageError(
            f"--alert-command: expected a program that can be run, but got {command!r}"
        )
    return [program, *words[1:]]


def environment(alert: Mapping[str, Any]) -> dict[str, str]:
    """The facts as variables: MASKWATCH_ALERT, MASKWATCH_SOURCE, ...; "" for what isn't known."""
    values = {name: alert.get(name) for name in _PASSED_ON}
    return {
        f"MASKWATCH_{name.upper()}": "" if v is None else str(v).replace("\0", "")
        for name, v in values.items()
    }


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """An environment without our own secrets."""
    return {k: v for k, v in variables.items() if k not in (TOKEN_VARIABLE, SECRET_VARIABLE)}


def _ends_in_time(
    process: subprocess.Popen[bytes], stdin: bytes, timeout: float, stop: threading.Event
) -> bool:
    """Feed a process and wait for it, for `timeout` seconds and a little after `stop` at most."""
    end = time.monotonic() + timeout
    feed: bytes | None = stdin
    while time.monotonic() < end and not stop.is_set():
        try:
            process.communicate(feed, 0.2)
        except subprocess.TimeoutExpired:
            feed = None  # it keeps what it couldn't write yet
            continue
        return True
    return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all it started; one that can't be ended is left behind, not waited for."""
    if os.name == "nt":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=1)
