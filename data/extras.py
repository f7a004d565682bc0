"""Optional parts: what to say where one isn't installed."""

import importlib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from data.exceptions import MissingExtraError


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, which the extra `extra` installs.

    Raises:
        MissingExtraError: if it isn't installed; the message carries the line that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(_missing(module, extra)) from error


def package_file(module: str, relative: str, extra: str) -> Path:
    """A file inside an installed package, found without importing the package.

    Raises:
        MissingExtraError: if the package or the file isn't there.
    """
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise MissingExtraError(_missing(module, extra))
    path = Path(spec.origin).parent / relative
    if not path.is_file():
        raise MissingExtraError(f"{module} is installed without {relative}; install it again")
    return path


def _missing(module: str, extra: str) -> str:
    return f"this needs {module}, which isn't installed; run: uv sync --extra {extra}"
