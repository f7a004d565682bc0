"""The program itself: help, wrong usage, errors as one line, exit codes."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eval.cli.main import VERBS, describe_os_error, main

HEAVY = ("cv2", "torch", "ultralytics", "onnxruntime", "fiftyone", "matplotlib", "albumentations")


def _run(code: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )


def test_help_names_every_verb_and_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom eval.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"assert not set({HEAVY!r}) & set(sys.modules), sorted(sys.modules)\n"
    )
    done = _run(code, "--help")
    assert done.returncode == 0, done.stderr
    assert all(f"    {verb} " in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_is_light(verb: str) -> None:
    code = (
        "import sys\nfrom eval.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "assert not {'torch', 'ultralytics', 'fiftyone', 'dlib', 'matplotlib'} & set(sys.modules)\n"
    )
    done = _run(code, verb, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: maskwatch {verb}")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("maskwatch ")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="nothing"),
        pytest.param(["chek"], id="unknown-verb"),
        pytest.param(["check"], id="no-folder"),
        pytest.param(["check", "a", "--nonsense"], id="unknown-option"),
        pytest.param(["convert", "a", "--out", "b", "--from", "excel"], id="unknown-format"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: maskwatch" in capsys.readouterr().err


def test_error_of_the_system_is_one_line(
    tmp_path: Path, make_set: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the place of the output's parent folder, which no rights can get around."""
    root = make_set()
    (tmp_path / "file").write_text("x")
    assert main(["check", str(root), "--json", str(tmp_path / "file" / "r.json")]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"maskwatch: error: {tmp_path / 'file'}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "can be written"),
        (errno.EACCES, "you may write"),
        (errno.ENOENT, "No such file"),
    ],
)
def test_hints_of_system_errors(code: int, hint: str) -> None:
    line = describe_os_error(OSError(code, os.strerror(code), "there/out.json"))
    assert line.startswith("there/out.json: ")
    assert hint in line


# Printed text must be held back until the end, as it is for users.
BUFFERED = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_on_a_full_disk_is_an_error(make_set: Callable[..., Path]) -> None:
    script = 'import sys; from eval.cli.main import main; sys.exit(main(["check", sys.argv[1]]))'
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", script, str(make_set())],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=BUFFERED,
        )
    assert done.returncode == 1
    assert "free some space" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="no POSIX pipes there")
def test_reader_that_goes_away_is_no_error(make_set: Callable[..., Path]) -> None:
    root = make_set()
    script = 'import sys; from eval.cli.main import main; sys.exit(main(["check", sys.argv[1]]))'
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", script, str(root)],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=BUFFERED,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
