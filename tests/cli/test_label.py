"""Self-labelled sets from unlabelled photos."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from data.boxes import iou
from data.dataset import find_samples, read_labels, write_yaml
from data.images import read_image, write_image
from data.manifest import PictureRecord, read_manifest
from eval.cli.main import main

OnnxBuilder = Callable[..., Path]

RED, GREEN = (0, 0, 255), (0, 255, 0)
FAINT = (0, 0, 165)  # a score of .29


def paint(path: Path, *squares: tuple[int, tuple[int, int, int]]) -> Path:
    """A 128 x 64 px picture with 16 px squares at (x, colour)."""
    image = np.zeros((64, 128, 3), np.uint8)
    for x, colour in squares:
        image[16:32, x : x + 16] = colour
    write_image(path, image)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    paint(folder / "images" / "sure.png", (16, RED), (96, GREEN))
    paint(folder / "images" / "both.png", (16, RED), (96, FAINT))
    paint(folder / "images" / "doubtful.png", (16, FAINT))
    paint(folder / "images" / "empty.png")
    (folder / "images" / "broken.jpg").write_bytes(b"nonsense")
    return folder


@pytest.fixture
def options(tiny_onnx: OnnxBuilder, tmp_path: Path) -> list[str]:
    return ["--weights", str(tiny_onnx()), "--sizes", "64", "--val", "0", "--out", f"{tmp_path}/o"]


def records(root: Path) -> dict[str, PictureRecord]:
    return {Path(record.source).name: record for record in read_manifest(root)}


def test_sure_labelled_doubtful_covered_rest_left_out(
    photos: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o"
    assert main(["label", str(photos), *options]) == 0
    said, err = capsys.readouterr()
    assert said.splitlines() == [
        f"{out}: 2 pictures (2 train, 0 val), 2 with_mask, 1 without_mask",
        "covered: 1 doubtful boxes; pictures left out: 1 mostly doubtful, 1 without a face; "
        "passed over: 1 unreadable",
    ]
    assert "broken.jpg" in err
    written = records(out)
    assert set(written) == {"sure.png", "both.png"}
    assert [face.label for face in written["sure.png"].boxes] == ["with_mask", "without_mask"]
    assert {face.state for record in written.values() for face in record.boxes} == {"pseudo"}
    assert written["sure.png"].boxes[0].box == [12.0, 12.0, 36.0, 36.0]
    assert written["sure.png"].source == "images/sure.png"
    for sample in find_samples(out, "train"):
        boxes = read_labels(sample.label, 128, 64)
        record = written[sample.image.name]
        assert boxes.xyxy == pytest.approx(np.array([f.box for f in record.boxes]), abs=1e-3)
    assert list(tmp_path.glob(".o*")) == []
    assert main(["check", str(out)]) == 0


def test_covered_only_where_doubtful(photos: Path, options: list[str], tmp_path: Path) -> None:
    assert main(["label", str(photos), *options]) == 0
    copied = tmp_path / "o" / "images" / "train"
    given = photos / "images"
    assert (copied / "sure.png").read_bytes() == (given / "sure.png").read_bytes()
    before, after = read_image(given / "both.png"), read_image(copied / "both.png")
    assert (after[:, :64] == before[:, :64]).all()
    assert (after[16:32, 96:112] == 114).all()


def test_soft_labels_cover_nothing(photos: Path, options: list[str], tmp_path: Path) -> None:
    """What is doubtful is a label with a confidence in the manifest, its picture as it was."""
    assert main(["label", str(photos), *options, "--soft"]) == 0
    out = tmp_path / "o"
    written = records(out)
    assert set(written) == {"sure.png", "both.png", "doubtful.png"}
    believed = {name: [f.confidence for f in written[name].boxes] for name in written}
    assert believed["sure.png"] == [1.0, 1.0]
    share = pytest.approx(0.29 / 0.6, abs=0.01)
    assert believed["both.png"] == [1.0, share]
    assert believed["doubtful.png"] == [believed["both.png"][1]]
    for name in written:
        assert (out / written[name].file).read_bytes() == (photos / "images" / name).read_bytes()
    assert main(["check", str(out)]) == 0


def test_labels_beside_the_pictures_make_no_difference(
    photos: Path, options: list[str], tmp_path: Path
) -> None:
    assert main(["label", str(photos), *options]) == 0
    labels = photos / "labels"
    labels.mkdir()
    for image in (photos / "images").iterdir():
        (labels / f"{image.stem}.txt").write_text("2 0.5 0.5 0.2 0.2\n")
    (labels / "sure.txt").write_text("nonsense")
    (photos / "keypoints68.csv").write_text("nonsense")
    (photos / "faces.jsonl").write_text("nonsense\n")
    write_yaml(photos)
    again = tmp_path / "again"
    assert main(["label", str(photos), *options[:-1], str(again)]) == 0
    first, second = (
        {p.relative_to(r): p.read_bytes() for p in r.rglob("*") if p.is_file()}
        for r in (tmp_path / "o", again)
    )
    assert first == second


def test_keep_classes(
    photos: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Classes and faces of the labels, boxes of the detector; a broken label is passed over."""
    labels = photos / "labels"
    labels.mkdir()
    (labels / "sure.txt").write_text("2 0.1875 0.40625 0.15 0.3\n0 0.5 0.5 0.1 0.2\n")
    (labels / "both.txt").write_text("1 0.1875 0.375 0.1875 0.375\n")
    (labels / "doubtful.txt").write_text("nonsense\n")
    assert main(["label", str(photos), *options, "--keep-classes"]) == 0
    said, err = capsys.readouterr()
    assert "1 incorrect, 1 with_mask, 1 without_mask" in said
    assert "broken.jpg" in err
    assert "doubtful.txt:1" in err
    written = records(tmp_path / "o")
    assert set(written) == {"sure.png", "both.png"}
    # Found at 12 to 36; what isn't found is moved by the mean of (-.125, -.229, .125, .021) and 0.
    assert written["sure.png"].boxes[0].box == [12.0, 12.0, 36.0, 36.0]
    assert written["sure.png"].boxes[1].box == pytest.approx([56.8, 24.133, 71.2, 38.533])
    # The green square has no label: covered, as the detector is sure of it.
    after = read_image(tmp_path / "o" / written["sure.png"].file)
    assert (after[16:32, 96:112] == 114).all()
    assert main(["check", str(tmp_path / "o")]) == 0


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        pytest.param([], 1, "expected YOLO labels beside", id="no labels"),
        pytest.param(["--soft"], 2, "without --soft", id="soft"),
        pytest.param(["--sure-incorrect", "0.5"], 2, "without --soft", id="its own threshold"),
    ],
)
def test_keep_classes_refused(
    photos: Path,
    options: list[str],
    more: list[str],
    status: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["label", str(photos), *options, "--keep-classes", *more]) == status
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_several_weights_label_together(photos: Path, options: list[str], tmp_path: Path) -> None:
    """Of two detectors the second sees nothing faint: a score of .29 is half of that to both."""
    model = onnx.load(options[1])
    half = next(each for each in model.graph.initializer if each.name == "half")
    half.CopyFrom(numpy_helper.from_array(np.array(0.8, np.float32), "half"))
    onnx.save(model, tmp_path / "second.onnx")
    assert main(["label", str(photos), *options, "--weights", str(tmp_path / "second.onnx")]) == 0
    out = tmp_path / "o"
    written = records(out)
    assert set(written) == {"sure.png", "both.png"}
    assert (out / written["both.png"].file).read_bytes() == (
        photos / "images" / "both.png"
    ).read_bytes()


def test_weights_named_twice_count_once(photos: Path, options: list[str], tmp_path: Path) -> None:
    assert main(["label", str(photos), *options]) == 0
    twice = ["--weights", options[1], *options[:-1], str(tmp_path / "twice")]
    assert main(["label", str(photos), *twice]) == 0
    assert records(tmp_path / "twice") == records(tmp_path / "o")


def test_list_and_exclude(photos: Path, options: list[str], tmp_path: Path) -> None:
    wanted, unwanted = tmp_path / "train.txt", tmp_path / "test.txt"
    wanted.write_text("./images/sure.png\nimages/both.png\n\nimages/sure.png\n")
    unwanted.write_text(f"{photos / 'images' / 'both.png'}\r\nimages/gone.png\r\n")
    lists = ["--list", str(wanted), "--exclude", str(unwanted)]
    assert main(["label", str(photos), *options, *lists]) == 0
    assert list(records(tmp_path / "o")) == ["sure.png"]


def test_val_by_content(photos: Path, options: list[str], tmp_path: Path) -> None:
    """Copies of one picture lie in one split, whatever their names."""
    for number in range(8):
        for folder in ("images", "deep"):
            paint(photos / folder / f"{number}.png", (16, (0, 0, 255 - number)))
    assert main(["label", str(photos), *options, "--val", "0.5"]) == 0
    splits: dict[str, set[str]] = {}
    for record in read_manifest(tmp_path / "o"):
        splits.setdefault(record.source_digest, set()).add(record.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {"train", "val"} == set.union(*splits.values())
    assert len(find_samples(tmp_path / "o")) == 18


def test_a_picture_under_another_suffix(photos: Path, options: list[str], tmp_path: Path) -> None:
    odd = tmp_path / "odd.dat"
    shutil.copyfile(photos / "images" / "sure.png", odd)
    assert main(["label", str(odd), *options]) == 0
    (sample,) = find_samples(tmp_path / "o")
    assert sample.image.name == "odd.jpg"
    assert sample.image.read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{photos}/gone"], 1, "expected a picture, a folder or a pattern"),
        (["{photos}", "--sizes", "64,x"], 2, "expected --sizes such as 512,640,832"),
        (["{photos}", "--sizes", "0"], 2, "expected --sizes"),
        (["{photos}", "--sizes", "99999"], 2, "expected imgsz from 1 to at most"),
        (["{photos}", "--doubt", "0.7"], 2, "expected 0 < --doubt <= --sure <= 1"),
        (["{photos}", "--val", "1"], 2, "expected --val from 0 to below 1"),
        (["{photos}", "--threads", "0"], 2, "expected threads of at least 1"),
        (["{photos}", "--out", "{photos}"], 1, "holds something"),
        (["{photos}", "--list", "{photos}/gone.txt"], 1, "can't be read"),
        (["{photos}", "--list", "{lists}/bytes.txt"], 1, "got no UTF-8"),
        (["{photos}", "--list", "{lists}/wrong.txt"], 1, "1 of 2 aren't there, the first: no.png"),
        (["{photos}", "--exclude", "{lists}/none.txt"], 1, "none of 1 is there, the first: no"),
        (["{photos}", "--exclude", "{lists}/all.txt"], 1, "--exclude leave none"),
        (["{photos}/images/sure.png", "--list", "{lists}/all.txt"], 2, "expected a folder"),
        (["{photos}/images/empty.png"], 1, "expected sure faces in 1 pictures, but got 1 without"),
        (["{photos}/images/broken.jpg"], 1, "1 unreadable, the first: "),
    ],
    ids=lambda v: " ".join(v[-2:]) if isinstance(v, list) else None,
)
def test_bad_input_is_one_line_and_leaves_nothing(
    photos: Path,
    options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "bytes.txt").write_bytes(b"\xff\xfe\xff")
    (lists / "wrong.txt").write_text("images/sure.png\nno.png\n")
    (lists / "none.txt").write_text("no.png\n")
    names = [f"images/{p.name}" for p in (photos / "images").iterdir()]
    (lists / "all.txt").write_text("\n".join(names))
    before = sorted(tmp_path.rglob("*"))
    filled = [a.format(photos=photos, lists=lists) for a in arguments]
    assert main(["label", *options, *filled]) == code
    err = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("maskwatch: error: ") for line in err) == 1
    assert message in err[-1]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_of_fixed_size_has_no_other_views(
    photos: Path, tiny_onnx: OnnxBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = ["--weights", str(tiny_onnx(size=64)), "--out", str(tmp_path / "o")]
    assert main(["label", str(photos), *fixed, "--sizes", "64,128"]) == 2
    assert "takes 64 px only, but got imgsz 128" in capsys.readouterr().err
    assert main(["label", str(photos), *fixed, "--sizes", "64"]) == 0


def test_sample_photos_with_the_shipped_weights(
    astronaut: Path, zidane: Path, bus: Path, tmp_path: Path
) -> None:
    """What predict finds surely, label finds, with boxes of nearly the same place."""
    out, report = tmp_path / "o", tmp_path / "p.json"
    few = ["--sizes", "416,512", "--threads", "1", "--sure", "0.5"]
    photos = [str(astronaut), str(zidane), str(bus)]
    assert main(["label", *photos, "--out", str(out), *few]) == 0
    assert main(["predict", str(astronaut), "--json", str(report), "--conf", "0.5"]) == 0
    found: list[dict[str, Any]] = json.loads(report.read_text())["images"][0]["detections"]
    (face,) = records(out)["astronaut.png"].boxes
    assert face.label == found[0]["class"] == "without_mask"
    assert iou([face.box], [found[0]["box"]])[0, 0] > 0.8
    assert (out / "images" / "train" / "astronaut.png").read_bytes() == astronaut.read_bytes()
