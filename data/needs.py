"""What a worker on another machine must have, so that its work is the work done here."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# What else has a say in the bytes.
_LIBRARIES = ("numpy", "opencv-python", "dlib-bin", "onnxruntime", "albumentations")
_PACKAGES = ("data", "synth", "detector", "weights")


@dataclass(frozen=True)
class Needs:
    """What a worker must have.

    Attributes:
        versions: name and version of maskwatch and of the libraries with a say in the bytes.
        code: digest of maskwatch's source files.
        paths: files and folders that it must see.
    """

    versions: tuple[tuple[str, str], ...]
    code: str
    paths: tuple[str, ...]


def local_needs(paths: Iterable[Path]) -> Needs:
    """What a worker must have to do what this process would: those of the absolute paths, too,
    that exist here."""
    present = tuple(str(p) for p in paths if p.exists())
    return Needs(installed_versions(), code_digest(), present)


@cache
def installed_versions() -> tuple[tuple[str, str], ...]:
    """Versions of maskwatch and its libraries, "" for what isn't installed."""

    def find(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return ""

    return tuple((name, find(name)) for name in ("maskwatch", *_LIBRARIES))


@cache
def code_digest() -> str:
    """Digest of maskwatch's source files and of the sums of its weights.

    Taken once a process: a worker that has run since before the last change keeps the old code.
    """
    root = Path(__file__).parents[1]
    files = [path for name in _PACKAGES for path in (root / name).rglob("*.py")]
    content = hashlib.sha256()
    for path in sorted([*files, root / "weights" / "SHA256SUMS"]):
        if path.is_file():
            content.update(f"{path.relative_to(root).as_posix()}\n".encode())
            content.update(path.read_bytes())
    return content.hexdigest()[:12]


def find_fault(needs: Needs) -> str:
    """Why this process can't do the work, "" if it can."""
    have = dict(installed_versions())
    for name, wanted in needs.versions:
        if wanted != have.get(name, ""):
            return f"has {name} {have.get(name) or 'not at all'}, but {wanted or 'none'} is needed"
    if needs.code != code_digest():
        return "runs other code of the same version; update it and start the worker again"
    for path in needs.paths:
        if not os.path.exists(path):  # noqa: PTH110 - names may be any bytes
            return f"doesn't see {path}; mount the same folder there at the same path"
    return ""
