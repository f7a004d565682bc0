"""Finding and verifying the weights that ship with maskwatch."""

from pathlib import Path

from data.exceptions import WeightsError
from data.files import digest

FOLDER = Path(__file__).parent
SUMS = "SHA256SUMS"
DEFAULT = "maskwatch-n.onnx"
SYNTHETIC = "maskwatch-n-synthetic.onnx"

_REINSTALL = "reinstall with: uv sync --reinstall-package maskwatch"


def default_weights(folder: Path = FOLDER) -> Path:
    """The weights used where none are named.

    Raises:
        WeightsError: if this installation came without them.
    """
    path = folder / DEFAULT
    if not path.is_file():
        raise WeightsError(
            f"{path}: expected the shipped weights, but there are none; {_REINSTALL}, "
            "or name other weights with --weights FILE"
        )
    return path


def find_weights(asked: Path | None, folder: Path = FOLDER) -> Path:
    """The file asked for; None is the default one, and the bare name of a shipped file (with or
    without ".onnx") is that file, unless there is one of that name where the user stands.

    Raises:
        WeightsError: if the default ones are asked for and there are none.
    """
    if asked is None:
        return default_weights(folder)
    shipped = folder / (asked.name if asked.suffix == ".onnx" else f"{asked.name}.onnx")
    if asked.parent == Path() and not asked.exists() and shipped.is_file():
        return shipped
    return asked


def verify(path: Path, folder: Path = FOLDER) -> None:
    """Assert that a shipped file is what was shipped; files from elsewhere pass unread.

    Raises:
        WeightsError: if its SHA-256 differs from the one in SHA256SUMS, or is missing there.
        OSError: if the file can't be read.
    """
    if path.resolve().parent != folder.resolve():
        return
    expected = read_sums(folder).get(path.resolve().name)
    if expected is None:
        raise WeightsError(f"{path}: expected a line in {SUMS}, but found none; {_REINSTALL}")
    found = digest(path)
    if found != expected:
        raise WeightsError(
            f"{path}: expected SHA-256 {expected[:12]}..., but got {found[:12]}...; the file was "
            f"changed or damaged; {_REINSTALL}"
        )


def read_sums(folder: Path = FOLDER) -> dict[str, str]:
    """File names to SHA-256 digests, 64 lower-case hex digits, from SHA256SUMS.

    Its lines are those of `sha256sum`, so that `sha256sum --check SHA256SUMS` works as well.

    Raises:
        WeightsError: if the file is missing or a line is no checksum.
    """
    path = folder / SUMS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"{path}: expected checksums, but reading failed; {_REINSTALL}"
        ) from error
    sums = {}
    for number, line in enumerate(lines, start=1):
        value, mark, name = line[:64].lower(), line[64:66], line[66:]
        if set(value) - set("0123456789abcdef") or mark not in ("  ", " *") or not name:
            raise WeightsError(
                f"{path}:{number}: expected 'SHA256  NAME', but got {line[:80]!r}; {_REINSTALL}"
            )
        sums[name] = value
    return sums
