"""Which pictures of a further set are trained on, and what is refused before hours are spent."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.exceptions import AnnotationError, DatasetError, UsageError
from detector.mixing import (
    Extra,
    choose_samples,
    extra_to_json,
    fingerprint_of_extras,
    json_to_extra,
    mixed_list,
)
from eval.cli.main import main
from tests.conftest import SetBuilder

LINE = "0 0.5 0.5 0.2 0.2\n"


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Ten pictures (names alone count here) without splits."""
    root = tmp_path / "flat"
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    for number in range(10):
        (root / "images" / f"{number}.jpg").write_bytes(b"x" * number)
        (root / "labels" / f"{number}.txt").write_text(LINE)
    return root


def names(extra: Extra) -> list[str]:
    return [sample.image.stem for sample in choose_samples(extra)]


def test_all_pictures_of_a_set_without_splits(flat: Path) -> None:
    assert names(Extra(flat)) == [str(n) for n in range(10)]


def test_a_list_keeps_the_test_pictures_out(flat: Path) -> None:
    (flat / "train.txt").write_text("./images/3.jpg\n./images/1.jpg\n./images/5.jpg\n")
    (flat / "val.txt").write_text("./images/2.jpg\n")
    assert names(Extra(flat)) == ["1", "3", "5"]
    assert names(Extra(flat, exclude=frozenset({"3.jpg"}))) == ["1", "5"]


def test_a_set_with_validation_pictures_alone_is_refused(flat: Path) -> None:
    (flat / "val.txt").write_text("./images/2.jpg\n")
    with pytest.raises(DatasetError, match="'train'"):
        choose_samples(Extra(flat))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 999), few=st.integers(1, 9))
def test_fewer_pictures_are_among_more(tmp_path_factory: object, seed: int, few: int) -> None:
    assert isinstance(tmp_path_factory, pytest.TempPathFactory)
    root = tmp_path_factory.getbasetemp() / "nested"
    for kind, suffix in (("images", "jpg"), ("labels", "txt")):
        (root / kind).mkdir(parents=True, exist_ok=True)
        for number in range(10):
            (root / kind / f"{number}.{suffix}").write_text(LINE)
    less, more = (set(names(Extra(root, count=n, seed=seed))) for n in (few, few + 1))
    assert len(less) == few
    assert less < more


def test_repeats_and_both_sets_are_listed(flat: Path, make_set: SetBuilder) -> None:
    data = make_set()
    lines = mixed_list(data, [Extra(flat, count=2, repeat=3)]).splitlines()
    assert len(lines) == 3 + 2 * 3
    assert all(Path(line).is_absolute() for line in lines)
    assert sum(str(flat) in line for line in lines) == 6


def test_some_pictures_of_the_first_set(flat: Path, make_set: SetBuilder) -> None:
    data = make_set(train=5)
    less, more = (set(mixed_list(data, [], count=n).splitlines()) for n in (2, 3))
    assert len(less) == 2
    assert less < more
    with pytest.raises(DatasetError, match="at least 6 training pictures, but got 5"):
        mixed_list(data, [Extra(flat)], count=6)


def test_json_keeps_everything(flat: Path) -> None:
    extra = Extra(flat.resolve(), 3, 2, frozenset({"a.jpg", "b.jpg"}), 5)
    assert json_to_extra(extra_to_json(extra)) == extra


def test_fingerprint_changes_with_labels_and_choice(flat: Path) -> None:
    prints = {fingerprint_of_extras([]), fingerprint_of_extras([Extra(flat)])}
    prints.add(fingerprint_of_extras([Extra(flat, repeat=2)]))
    prints.add(fingerprint_of_extras([Extra(flat, count=4)]))
    prints.add(fingerprint_of_extras([Extra(flat, rare=2)]))
    (flat / "labels" / "4.txt").write_text("")
    prints.add(fingerprint_of_extras([Extra(flat)]))
    assert len(prints) == 6
    assert "" in prints


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("3 .5 .5 .1 .1\n", AnnotationError),
        ("0 .5 .5 .1\n", AnnotationError),
        ("0 .5 .5 nan .1\n", AnnotationError),
        ("0 .99 .5 .2 .1\n", AnnotationError),
    ],
    ids=["class 3", "four numbers", "nan", "outside"],
)
def test_broken_labels_are_named(flat: Path, text: str, error: type[Exception]) -> None:
    (flat / "labels" / "7.txt").write_text(text)
    with pytest.raises(error, match=r"7\.txt:1"):
        choose_samples(Extra(flat))


def test_labels_of_bytes_are_refused(flat: Path) -> None:
    (flat / "labels" / "7.txt").write_bytes(b"\xff\xfe0")
    with pytest.raises(AnnotationError, match="UTF-8"):
        choose_samples(Extra(flat))


def test_pictures_without_any_label_are_refused(flat: Path) -> None:
    for label in (flat / "labels").iterdir():
        label.unlink()
    with pytest.raises(DatasetError, match="maskwatch label"):
        choose_samples(Extra(flat))


def test_missing_pictures_of_a_list_are_named(flat: Path) -> None:
    (flat / "train.txt").write_text("./images/1.jpg\n./images/gone.jpg\n")
    with pytest.raises(DatasetError, match=r"gone\.jpg"):
        choose_samples(Extra(flat))


def test_more_than_there_are(flat: Path) -> None:
    with pytest.raises(DatasetError, match="at least 11"):
        choose_samples(Extra(flat, count=11))


@pytest.mark.parametrize(("repeat", "rare", "seen"), [(1, 1, 1), (1, 3, 3), (2, 3, 6)], ids=str)
def test_pictures_with_the_rare_class_come_more_often(
    flat: Path, make_set: SetBuilder, repeat: int, rare: int, seen: int
) -> None:
    (flat / "labels" / "4.txt").write_text(LINE + "2 0.5 0.5 0.2 0.2\n")
    (flat / "labels" / "5.txt").write_text("")
    (flat / "labels" / "6.txt").unlink()
    lines = mixed_list(make_set(), [Extra(flat, repeat=repeat, rare=rare)]).splitlines()
    counts = [lines.count(str((flat / "images" / f"{n}.jpg").resolve())) for n in range(10)]
    assert counts == [seen if n == 4 else repeat for n in range(10)]


def test_a_set_is_not_mixed_with_itself(make_set: SetBuilder) -> None:
    data = make_set()
    with pytest.raises(DatasetError, match="the same"):
        mixed_list(data, [Extra(data)])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--count", "0"], "--count"),
        (["--real-count", "3"], "--real DIR"),
        (["--real", "x", "--real-count", "0"], "--real-count"),
        (["--real", "x", "--real-repeat", "0"], "--real-repeat"),
        (["--real", "x", "--real-rare", "0"], "--real-rare"),
        (["--real", "x", "--real-rare", "1,2"], "--real-rare with one number or 1"),
        (["--real", "x", "--real-repeat", "1,2"], "--real-repeat with one number or 1"),
        (["--real", "x", "--real-exclude", "none.txt"], "none.txt"),
        (["--nbs", "0"], "--nbs of at least 1"),
    ],
    ids=[
        "no picture",
        "count alone",
        "count 0",
        "repeat 0",
        "rare 0",
        "many rare",
        "too many",
        "no list",
        "nbs 0",
    ],
)
def test_wrong_options(
    make_set: SetBuilder, tmp_path: Path, options: list[str], match: str, capsys: object
) -> None:
    assert isinstance(capsys, pytest.CaptureFixture)
    out = tmp_path / "run"
    assert main(["train", str(make_set()), "--out", str(out), *options]) == 2
    assert match in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "repeats"), [("2", [2, 2]), ("1,3", [1, 3])], ids=["for all", "for each"]
)
def test_repeats_for_each_set(
    make_set: SetBuilder,
    flat: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    repeats: list[int],
) -> None:
    monkeypatch.setattr("detector.train._run_worker", lambda *_: None)
    out = tmp_path / "run"
    other = shutil.copytree(flat, tmp_path / "other")
    options = ["--real", str(flat), "--real", str(other), "--real-repeat", text]
    options += ["--real-rare", text]
    assert main(["train", str(make_set()), "--out", str(out), "--device", "cpu", *options]) == 0
    job = json.loads((out / "run.json").read_text())
    assert [extra["repeat"] for extra in job["extras"]] == repeats
    assert [extra["rare"] for extra in job["extras"]] == repeats


def test_repeats_that_are_no_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "x", "--real", "y", "--real-repeat", "1,b"])
    assert "expected whole numbers such as 2 or 1,4,4, but got '1,b'" in capsys.readouterr().err


def test_nothing_real_there(make_set: SetBuilder, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Extra(tmp_path, repeat=0)
    out = tmp_path / "run"
    options = ["--real", str(tmp_path / "none"), "--init", "yolo26n.yaml"]
    assert main(["train", str(make_set()), "--out", str(out), *options]) == 1
    assert not out.exists()
