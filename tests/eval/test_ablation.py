"""The ablation on sample photos: one real training run, scored, gone on with."""

import json
import shutil
from itertools import count
from pathlib import Path

import numpy as np
import pytest

import eval.ablation
from data.boxes import Boxes
from data.exceptions import DatasetError, UsageError
from data.files import digest, write_text
from data.images import read_image
from data.splits import identity_to_split, stem_to_identity
from data.writer import write_sample
from eval.ablation import (
    ARMS,
    Settings,
    check_arms,
    listed_samples,
    main,
    run_ablation,
    score,
    to_table,
)
from eval.matching import Pair
from synth.recipe import Recipe

FACE = Boxes(np.array([[60.0, 25, 130, 110]]), np.array([1]))


@pytest.fixture(scope="module")
def photos(tmp_path_factory, astronaut, zidane, bus) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for photo in (astronaut, zidane, bus):
        shutil.copyfile(photo, folder / photo.name)
    return folder


@pytest.fixture(scope="module")
def real(tmp_path_factory, astronaut) -> Path:
    """Three labelled photographs with a list of all."""
    root = tmp_path_factory.mktemp("real")
    photo = read_image(astronaut)
    for number in range(3):
        crop = np.ascontiguousarray(photo[number : number + 200, 110 : 310 + number])
        write_sample(root, "train", f"{number}.jpg", crop, FACE)
    names = sorted(p.relative_to(root).as_posix() for p in (root / "images").rglob("*.jpg"))
    write_text(root / "pool.txt", "".join(f"./{name}\n" for name in names))
    return root


@pytest.fixture(scope="module")
def done(tmp_path_factory, photos, real) -> tuple[Path, list[str]]:
    """The folder of an ablation whose first arm is finished, and its command line."""
    out = tmp_path_factory.mktemp("ablation") / "out"
    who = [stem_to_identity(p.stem, digest(p)) for p in photos.iterdir()]
    splits = ([identity_to_split(w, 0.1, s) for w in who] for s in count())
    seed = next(s for s, own in enumerate(splits) if own.count("val") == 1)
    numbers = f"--count 6 --epochs 1 --imgsz 64 --batch 4 --seed {seed} --workers 1"
    start = "--init yolo26n.yaml --device cpu --faces dlib --split-list pool"
    where = [str(photos), "--real", str(real), "--out", str(out)]
    command = [*where, *numbers.split(), *start.split()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(out.parent / "cache"))
        assert main([*command, "--arms", "full"]) == 0
    return out, command


def test_every_arm_is_a_recipe():
    for name, changes in ARMS.items():
        recipe = Recipe(**changes)
        assert (recipe == Recipe()) == name.startswith("full")


def test_finished_arms_are_not_trained_again(done, capsys, monkeypatch):
    out, command = done
    found = json.loads((out / "full" / "found.json").read_text())
    box = [60.0, 25.0, 130.0, 110.0]
    for image in found["images"]:
        image["detections"] = [{"class": "without_mask", "score": 0.9, "box": box}]
    (out / "no-prints").mkdir()
    (out / "no-prints" / "found.json").write_text(json.dumps(found))
    monkeypatch.setattr(eval.ablation, "train", None)  # would fail if it were called
    assert main([*command, "--arms", "no-prints"]) == 0
    table = capsys.readouterr().out.strip().splitlines()
    assert table[-2].startswith("| full |")
    assert table[-1].startswith("| no-prints | - | 1.000 | - | 1.000 | 1.000 | +")
    results = json.loads((out / "results.json").read_text())
    assert list(results["arms"]) == ["full", "no-prints"]


def test_other_settings_need_another_folder(done, caplog):
    _, command = done
    assert main([*command, "--arms", "full", "--epochs", "2"]) == 1
    assert "was begun with another epochs" in caplog.text


def test_folder_of_something_else_is_left_alone(tmp_path, real):
    (tmp_path / "thesis.txt").write_text("x")
    samples = listed_samples(real, "pool")
    with pytest.raises(DatasetError, match="expected a new or empty folder"):
        next(run_ablation(Settings(("x",)), samples, tmp_path, ["full"]))
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_unknown_arm_is_refused():
    with pytest.raises(UsageError, match=r"expected --arms of full, .*, but got 'no-idea'"):
        check_arms(["full", "no-idea"])


def test_listed_pictures_without_the_excluded(real, tmp_path):
    every = listed_samples(real, "pool.txt")
    assert len(every) == 3
    exclude = tmp_path / "exclude.txt"
    exclude.write_text("elsewhere/0.jpg\n\n2.jpg\n")
    assert [s.image.name for s in listed_samples(real, "pool", exclude)] == ["1.jpg"]
    exclude.write_text("0.jpg\n1.jpg\n2.jpg\n")
    with pytest.raises(DatasetError, match="3 of 3 excluded"):
        listed_samples(real, "pool", exclude)
    with pytest.raises(DatasetError, match="expected a list of pictures"):
        listed_samples(real, "none")


def test_change_is_that_of_the_scores():
    """One picture found by both, one by `full` alone."""
    pairs = {
        arm: [Pair(Path(f"{n}.jpg"), FACE, FACE if n < found else Boxes.empty()) for n in range(2)]
        for arm, found in (("full", 2), ("no-light", 1))
    }
    arms = {arm: score(own, pairs["full"], arm) for arm, own in pairs.items()}
    low, high = arms["no-light"]["0px"]["map50_change_interval"]
    assert -1 <= low < -0.4
    assert high == 0
    row = to_table({"arms": arms}).rows[1]
    assert row[:4] == ("no-light", "-", "0.505", "-")
    assert row[6] == "-0.495"
