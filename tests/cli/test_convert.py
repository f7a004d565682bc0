import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eval.cli.main import main


def test_there_and_back(
    make_set: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, there, back = str(make_set()), str(tmp_path / "there"), str(tmp_path / "back")
    assert main(["convert", source, "--from", "yolo", "--to", "voc", "--out", there]) == 0
    assert main(["convert", there, "--from", "voc", "--out", back]) == 0
    out, err = capsys.readouterr()
    assert f"{back}: 5 pictures (3 train, 2 val)" in out
    assert "boxes: 5 incorrect, 5 with_mask, 5 without_mask" in out
    assert err == ""
    assert main(["check", back]) == 0


def test_options_reach_the_conversion(
    make_set: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_set()
    (source / "data.yaml").write_text("names: [masked, hat, bad]\n")
    arguments = ["convert", str(source), "--from", "yolo", "--out", str(tmp_path / "out")]
    assert main(arguments) == 1
    assert "--classes 'bad=incorrect,hat=drop,masked=with_mask'" in capsys.readouterr().err
    arguments += ["--classes", "bad=incorrect,hat=drop,masked=with_mask", "--val", "1"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "5 pictures (0 train, 5 val)" in out
    assert "boxes left out: 5 class dropped" in out


def test_broken_entries_are_named_ten_times_and_counted(
    make_set: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_set(train=13, val=1)
    for label in (source / "labels/train").iterdir():
        label.write_text("nonsense")
    assert main(["convert", str(source), "--from", "yolo", "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert "1 pictures (0 train, 1 val)" in out
    assert "entries passed over: 13" in out
    assert err.count("maskwatch: passed over: ") == 11
    assert "3 more" in err


def test_full_disk_gives_one_line_and_leaves_nothing(
    make_set: Callable[..., Path], tmp_path: Path
) -> None:
    """A file-size limit makes the system refuse writes midway, as a full disk does."""
    pytest.importorskip("resource")
    source = make_set()
    script = (
        "import resource, sys\nfrom eval.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))\nsys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["convert", str(source), "--from", "yolo", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("maskwatch: error: ")
    assert done.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["--classes", "a=b"], 2, id="unknown-class"),
        pytest.param(["--val", "2"], 2, id="share-above-1"),
        pytest.param(["--split-by", "("], 2, id="no-pattern"),
        pytest.param(["--images", "/does/not/exist"], 1, id="no-pictures"),
    ],
)
def test_wrong_options_give_one_line(
    make_set: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
) -> None:
    out = tmp_path / "out"
    first = ["convert", str(make_set()), "--from", "yolo", "--out", str(out)]
    assert main([*first, *arguments]) == code
    err = capsys.readouterr().err
    assert err.startswith("maskwatch: error: ")
    assert err.count("\n") == 1
    assert not out.exists()
