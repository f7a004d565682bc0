import hashlib
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data.files import (
    atomic_folder,
    atomic_path,
    digest,
    is_temporary,
    write_bytes,
    write_json,
    write_text,
)


def _names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_failure_leaves_the_earlier_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_text(path, "earlier")
    with pytest.raises(UnicodeEncodeError), atomic_path(path) as temporary:
        temporary.write_text("half, then what UTF-8 can't hold: \udc00", encoding="utf-8")
    assert path.read_text() == "earlier"
    assert _names(tmp_path) == ["out.json"]


def test_json_that_fails_late_leaves_the_earlier_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_json(path, [1])
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, [float("nan")])
    assert path.read_text() == "[\n  1\n]\n"


def test_full_disk_leaves_the_earlier_file_whole(tmp_path: Path) -> None:
    """A file-size limit makes the system refuse writes midway, as a full disk does."""
    pytest.importorskip("resource")
    path = tmp_path / "out.bin"
    write_bytes(path, b"earlier")
    script = f"""
        import resource, signal
        from pathlib import Path
        from data.files import write_bytes
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            write_bytes(Path({str(path)!r}), b"x" * 100_000)
        except OSError as error:
            print("refused", error.errno)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused")
    assert path.read_bytes() == b"earlier"
    assert _names(tmp_path) == ["out.bin"]


def test_killed_midway_leaves_the_earlier_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    write_text(path, "earlier")
    script = f"""
        import os
        from pathlib import Path
        from data.files import atomic_path
        with atomic_path(Path({str(path)!r})) as temporary:
            temporary.write_text("half")
            os._exit(9)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == 9
    assert path.read_text() == "earlier"
    # What is left over is hidden, so that no reader takes it for a picture or a label.
    assert [n for n in _names(tmp_path) if not n.startswith(".")] == ["out.txt"]


@pytest.mark.parametrize("name", ["file/out.txt", "file/deeper/out.txt", "folder"])
def test_path_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"(?i)directory|exists|denied"):
        write_text(tmp_path / name, "x")
    assert _names(tmp_path) == ["file", "folder"]


def test_longest_names_can_be_written(tmp_path: Path) -> None:
    write_text(tmp_path / ("n" * 251 + ".txt"), "x")
    assert len(_names(tmp_path)) == 1


@pytest.mark.skipif(os.name == "nt", reason="no umask there")
def test_umask_is_obeyed_and_kept_by_many_threads(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: write_text(tmp_path / f"{n}.txt", "x"), range(200)))
        modes = {p.stat().st_mode & 0o777 for p in tmp_path.iterdir()}
    finally:
        after = os.umask(before)
    assert after == 0o027
    assert modes == {0o640}


def test_text_is_utf8_with_bare_newlines(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "é\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\xc3\xa9\n"


def test_digest_is_sha256(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"abc")
    assert digest(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "set"
    with pytest.raises(RuntimeError, match="midway"), atomic_folder(out) as folder:  # noqa: PT012
        (folder / "half").write_text("x")
        raise RuntimeError("midway")
    assert list(out.parent.iterdir()) == []
    out.mkdir()
    with atomic_folder(out) as folder:
        (folder / "whole").write_text("x")
        assert list(out.iterdir()) == []
    assert [p.name for p in out.iterdir()] == ["whole"]
    assert list(out.parent.iterdir()) == [out]


def test_temporary_names_are_told_from_users_hidden_files(tmp_path: Path) -> None:
    for name in ("a.jpg", "shard-000001.jsonl", "labels", ".hidden.txt"):
        with atomic_path(tmp_path / name) as temporary:
            assert is_temporary(temporary)
    for name in (".gitignore", ".DS_Store", ".nfs0000000000a1", "a-0123456789ab.jpg"):
        assert not is_temporary(tmp_path / name)
