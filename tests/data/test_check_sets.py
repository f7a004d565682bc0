"""`check_dataset` on a good set, and on the same set with one thing broken."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from data.check import SIZE_CLASSES, check_dataset, size_class
from data.convert import convert
from data.exceptions import DatasetError
from data.manifest import PictureRecord, read_manifest, write_manifest

TRAIN = "train/train_000"


@pytest.fixture
def good(tmp_path: Path, make_set: Callable[..., Path]) -> Path:
    """A set with a manifest: 3 pictures for training, 2 for validation, 3 boxes each."""
    convert(make_set(), tmp_path / "good", source_format="yolo")
    return tmp_path / "good"


def test_good_set(good: Path) -> None:
    report = check_dataset(good)
    assert report.problems == []
    assert report.pictures == {"train": 3, "val": 2}
    assert report.boxes["train", "incorrect"] == 3
    assert report.sizes == {
        ("32-96", "with_mask"): 5,
        ("32-96", "without_mask"): 5,
        ("32-96", "incorrect"): 5,
    }
    assert json.loads(json.dumps(report.to_json()))["ok"] is True


def _write_label(line: str) -> Callable[[Path], object]:
    def damage(root: Path) -> None:
        (root / "manifest.jsonl").unlink()
        (root / f"labels/{TRAIN}.txt").write_text(f"0 0.5 0.5 0.5 0.5\n{line}\n")

    return damage


def _change_manifest(
    change: Callable[[list[PictureRecord]], list[PictureRecord]],
) -> Callable[[Path], object]:
    return lambda root: write_manifest(root, change(list(read_manifest(root))))


def _cut(root: Path) -> None:
    path = root / f"images/{TRAIN}.jpg"
    path.write_bytes(path.read_bytes()[:1000])


def _copy(target: str) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        (root / "manifest.jsonl").unlink()
        shutil.copy(root / f"images/{TRAIN}.jpg", root / f"images/{target}.jpg")
        shutil.copy(root / f"labels/{TRAIN}.txt", root / f"labels/{target}.txt")

    return damage


def _move_box(records: list[PictureRecord]) -> list[PictureRecord]:
    face = records[0].boxes[0]
    moved = replace(face, box=[face.box[0] + 1.5, *face.box[1:]])
    return [replace(records[0], boxes=[moved, *records[0].boxes[1:]]), *records[1:]]


def _rename_class(records: list[PictureRecord]) -> list[PictureRecord]:
    wrong = replace(records[0].boxes[0], label="incorrect")
    return [replace(records[0], boxes=[wrong, *records[0].boxes[1:]]), *records[1:]]


@pytest.mark.parametrize(
    ("damage", "severity", "kind", "path"),
    [
        pytest.param(_cut, "error", "unreadable picture", f"images/{TRAIN}.jpg", id="truncated"),
        pytest.param(
            lambda r: (r / f"images/{TRAIN}.jpg").write_bytes(b""),
            *("error", "unreadable picture", f"images/{TRAIN}.jpg"),
            id="empty-picture",
        ),
        pytest.param(
            _write_label("0 0.5 0.5"), "error", "broken label", f"labels/{TRAIN}.txt", id="short"
        ),
        pytest.param(
            _write_label("a b c d e"), "error", "broken label", f"labels/{TRAIN}.txt", id="letters"
        ),
        pytest.param(
            lambda r: (r / f"labels/{TRAIN}.txt").write_bytes(b"\xff"),
            *("error", "broken label", f"labels/{TRAIN}.txt"),
            id="label-no-text",
        ),
        pytest.param(
            _write_label("3 0.5 0.5 0.1 0.1"),
            *("error", "wrong class", f"labels/{TRAIN}.txt"),
            id="class-3",
        ),
        pytest.param(
            _write_label("1 0.9 0.5 0.3 0.1"),
            *("error", "box out of range", f"labels/{TRAIN}.txt"),
            id="outside",
        ),
        pytest.param(
            _write_label("1 0.5 0.5 0 0.1"),
            *("error", "box out of range", f"labels/{TRAIN}.txt"),
            id="empty-box",
        ),
        pytest.param(
            _write_label("1 0.5 0.5 0.01 0.1"),
            *("warning", "tiny box", f"labels/{TRAIN}.txt"),
            id="tiny",
        ),
        pytest.param(
            _write_label("0 0.5 0.5 0.5 0.5"),
            *("warning", "repeated box", f"labels/{TRAIN}.txt"),
            id="repeated",
        ),
        pytest.param(
            lambda r: (r / f"labels/{TRAIN}.txt").unlink(),
            *("warning", "no label file", f"images/{TRAIN}.jpg"),
            id="no-label",
        ),
        pytest.param(
            lambda r: (r / "labels/val/x.txt").write_text(""),
            *("warning", "no picture", "labels/val/x.txt"),
            id="no-picture",
        ),
        pytest.param(
            _copy("train/zzz"), "warning", "duplicate picture", "images/train/zzz.jpg", id="twin"
        ),
        pytest.param(
            _copy("val/zzz"),
            *("error", "duplicate across splits", "images/val/zzz.jpg"),
            id="twin-across",
        ),
        pytest.param(
            lambda r: shutil.copy(r / f"images/{TRAIN}.jpg", r / f"images/{TRAIN}.png"),
            *("error", "shared label", f"labels/{TRAIN}.txt"),
            id="shared-label",
        ),
        pytest.param(
            lambda r: shutil.rmtree(r / "images/val"),
            "warning",
            "empty split",
            "data.yaml",
            id="no-val",
        ),
        pytest.param(
            _change_manifest(lambda m: [replace(x, identity="anna") for x in m]),
            *("error", "person in two splits", "manifest.jsonl"),
            id="person-across",
        ),
        pytest.param(
            lambda r: (r / f"images/{TRAIN}.jpg").unlink(),
            *("error", "missing picture", f"images/{TRAIN}.jpg"),
            id="picture-gone",
        ),
        pytest.param(
            _change_manifest(lambda m: m[1:]),
            "warning",
            "not in manifest",
            f"images/{TRAIN}.jpg",
            id="line-gone",
        ),
        pytest.param(
            _change_manifest(lambda m: [*m, m[0]]),
            "error",
            "broken manifest",
            "manifest.jsonl",
            id="line-twice",
        ),
        pytest.param(
            lambda r: (r / "manifest.jsonl").write_text("{"),
            *("error", "broken manifest", "manifest.jsonl"),
            id="line-broken",
        ),
        pytest.param(
            _change_manifest(_move_box),
            "error",
            "manifest disagrees",
            f"images/{TRAIN}.jpg",
            id="box-moved",
        ),
        pytest.param(
            _change_manifest(_rename_class),
            "error",
            "manifest disagrees",
            f"images/{TRAIN}.jpg",
            id="class-changed",
        ),
        pytest.param(
            _change_manifest(lambda m: [replace(m[0], boxes=[]), *m[1:]]),
            *("error", "manifest disagrees", f"images/{TRAIN}.jpg"),
            id="boxes-gone",
        ),
        pytest.param(
            _change_manifest(lambda m: [replace(m[0], width=1), *m[1:]]),
            *("error", "manifest disagrees", f"images/{TRAIN}.jpg"),
            id="size-changed",
        ),
        pytest.param(
            _change_manifest(lambda m: [replace(m[0], split="val"), *m[1:]]),
            *("error", "manifest disagrees", f"images/{TRAIN}.jpg"),
            id="split-changed",
        ),
    ],
)
def test_damage_is_found(
    good: Path, damage: Callable[[Path], object], severity: str, kind: str, path: str
) -> None:
    damage(good)
    report = check_dataset(good)
    assert (severity, kind, path) in {(p.severity, p.kind, p.path) for p in report.problems}
    assert bool(report.errors) == any(p.severity == "error" for p in report.problems)
    if severity == "error":
        assert report.to_json()["ok"] is False


def test_good_lines_of_a_broken_label_still_count(good: Path) -> None:
    _write_label("9 9 9 9 9")(good)
    assert check_dataset(good).boxes["train", "with_mask"] == 3


def test_progress_reaches_the_end(good: Path) -> None:
    seen: list[tuple[int, int]] = []
    check_dataset(good, lambda done, total: seen.append((done, total)))
    assert seen == [(n, 5) for n in range(1, 6)]


@pytest.mark.parametrize(
    ("height", "name"),
    [(0.5, "<8"), (7.99, "<8"), (8, "8-16"), (31.9, "16-32"), (96, ">=96"), (5000, ">=96")],
)
def test_size_classes(height: float, name: str) -> None:
    assert size_class(height) == name
    assert name in SIZE_CLASSES


def test_no_set_and_other_names(tmp_path: Path, good: Path) -> None:
    with pytest.raises(DatasetError, match="folder"):
        check_dataset(tmp_path / "none")
    (good / "data.yaml").write_text("names: [a, b, c]\ntrain: images/train\n")
    with pytest.raises(DatasetError, match="maskwatch convert"):
        check_dataset(good)
