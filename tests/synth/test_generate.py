"""Whole sets from the sample photos: same bytes whatever the workers, kills and order."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.check import check_dataset
from data.dataset import find_samples, read_labels
from data.exceptions import DatasetError, NoFacesError
from data.files import digest
from data.images import Image, read_image, write_image
from data.labels import CLASS_NAMES
from data.manifest import read_manifest
from data.pool import open_executor
from data.splits import assert_disjoint
from synth.generate import Config, Summary, generate
from synth.recipe import Recipe
from synth.search import Search
from synth.states import Mix

COUNT = 24
CONFIG = Config(count=COUNT, seed=5, search=Search("dlib"))

Tree = dict[str, str]


def tree(root: Path) -> Tree:
    """Every file below a folder, hidden ones too, and its digest."""
    return {
        path.relative_to(root).as_posix(): digest(path)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def make(
    source: Path, out: Path, config: Config = CONFIG, workers: int = 1, resume: bool = False
) -> Summary:
    with open_executor(workers) as executor:
        return generate([source], out, config, executor, resume=resume)


@pytest.fixture(scope="session")
def made(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """A set of the sample photos by one worker; to be read only."""
    out = tmp_path_factory.mktemp("made") / "set"
    return out, make(samples, out)


def test_set_is_whole(made: tuple[Path, Summary]) -> None:
    out, summary = made
    report = check_dataset(out)
    assert [p for p in report.problems if p.severity == "error"] == []
    assert sum(report.pictures.values()) == summary.pictures == COUNT
    assert sum(report.boxes.values()) == sum(summary.boxes.values())
    assert summary.faults == []
    assert sorted(p.name for p in out.iterdir()) == [
        "data.yaml",
        "images",
        "labels",
        "manifest.jsonl",
    ]
    assert set(summary.boxes) == {"with_mask", "without_mask", "incorrect"}


def test_manifest_agrees_with_the_files(made: tuple[Path, Summary], samples: Path) -> None:
    out, _ = made
    records = {record.file: record for record in read_manifest(out)}
    found = find_samples(out)
    assert len(records) == len(found) == COUNT
    assert_disjoint(records.values())
    digests = {digest(path) for path in samples.glob("*.[jp]*g")}
    for sample in found:
        record = records[sample.image.relative_to(out).as_posix()]
        height, width = read_image(sample.image).shape[:2]
        boxes = read_labels(sample.label, width, height)
        assert (record.width, record.height) == (width, height)
        assert record.split == sample.split
        assert record.source_digest in digests
        assert [face.label for face in record.boxes] == [CLASS_NAMES[i] for i in boxes.class_ids]
        listed = np.array([face.box for face in record.boxes]).reshape(-1, 4)
        assert listed == pytest.approx(boxes.xyxy, abs=0.02)


def test_pictures_of_the_set_show_masks(made: tuple[Path, Summary]) -> None:
    """Masks change their face: of one photo with one face, states differ within its box."""
    out, _ = made
    records = [r for r in read_manifest(out) if r.boxes]
    assert {f.state for r in records for f in r.boxes} >= {"right", "bare"}
    for record in records:
        image = read_image(out / record.file)
        for face in record.boxes:
            x1, y1, x2, y2 = (int(v) for v in face.box)
            assert image[y1 : y2 + 1, x1 : x2 + 1].std() > 5


def test_two_workers_give_the_same_bytes(
    made: tuple[Path, Summary], samples: Path, tmp_path: Path
) -> None:
    """From a copy of the photos, so that the second run searches by itself."""
    copies = tmp_path / "copies"
    copies.mkdir()
    for photo in sorted(samples.glob("*.[jp]*g"), reverse=True):
        shutil.copy(photo, copies)
    assert make(copies, tmp_path / "set", workers=2) == made[1]
    assert tree(tmp_path / "set") == tree(made[0])


def test_another_seed_gives_another_set(
    made: tuple[Path, Summary], samples: Path, tmp_path: Path
) -> None:
    make(samples, tmp_path / "set", Config(count=COUNT, seed=6, search=Search("dlib")))
    first, second = set(tree(made[0]).values()), set(tree(tmp_path / "set").values())
    # data.yaml names no seed.
    assert len(first & second) <= 1


@pytest.mark.parametrize(
    ("mix", "classes"),
    [
        pytest.param(Mix(0, 1, 0), {"without_mask"}, id="bare"),
        pytest.param(Mix(1, 0, 0), {"with_mask"}, id="masked"),
    ],
)
def test_mix_of_the_set(mix: Mix, classes: set[str], folder: Path, tmp_path: Path) -> None:
    config = Config(
        count=3, seed=1, recipe=Recipe(mix=mix, crowds=0, negatives=0), search=Search("dlib")
    )
    assert set(make(folder, tmp_path / "set", config).boxes) == classes


PROGRAM = "import sys\nfrom eval.cli.main import main\nsys.exit(main(sys.argv[1:]))\n"
KILLED = 96


def begin(source: Path, out: Path, *more: str) -> list[str]:
    options = ["--count", str(KILLED), "--seed", "5", "--faces", "dlib", "--workers", "2", *more]
    return [sys.executable, "-c", PROGRAM, "synth", str(source), "--out", str(out), *options]


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not done():
        time.sleep(0.01)
    return done()


def children(pid: int) -> list[int]:
    """Processes that a process started (Linux)."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux")
def test_killed_run_is_resumed_to_the_same_bytes(samples: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "killed", tmp_path / "whole"
    run = subprocess.Popen(
        begin(samples, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    shards = out / ".parts"
    assert wait_until(lambda: len(list(shards.glob("shard-*.jsonl"))) >= 2, 300)
    workers = children(run.pid)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert len(workers) >= 2
    assert wait_until(lambda: not any(is_running(pid) for pid in workers), 60), "workers go on"
    begun = list(shards.glob("shard-*.jsonl"))
    assert 0 < len(begun) < KILLED // 16
    # A file that a worker was about to rename when it was killed.
    split = next((out / "images").iterdir())
    (split / ".left-0123456789ab.jpg").write_bytes(b"half")

    refused = subprocess.run(begin(samples, out), capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "add --resume to go on" in refused.stderr

    done = subprocess.run(
        begin(samples, out, "--resume"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    config = Config(count=KILLED, seed=5, search=Search("dlib"))
    make(samples, whole, config, workers=2)
    assert tree(out) == tree(whole)


def test_files_of_lost_workers_are_removed(folder: Path, tmp_path: Path) -> None:
    """A cluster goes on when a worker is killed; what that one was writing must not stay."""
    out = tmp_path / "set"
    left = out / "labels" / "train" / ".n0_1-0027-0123456789ab.txt"

    def leave(step: str, done: int, _: int) -> None:
        if step == "pictures" and not done:
            left.parent.mkdir(parents=True)
            left.write_text("0 0.5")

    config = Config(count=2, seed=1, search=Search("dlib"))
    with open_executor(1) as executor:
        generate([folder], out, config, executor, progress=leave)
    assert left.parent.is_dir()
    assert not list(out.rglob(".*"))


@pytest.fixture
def interrupted(broken_off: Path, tmp_path: Path) -> Path:
    """A set whose drawing was stopped after its first shard."""
    return Path(shutil.copytree(broken_off, tmp_path / "set"))


@pytest.fixture(scope="session")
def broken_off(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `interrupted` copies."""

    class StopError(Exception):
        pass

    def stop(step: str, done: int, total: int) -> None:
        if step == "pictures" and done:
            raise StopError

    out = tmp_path_factory.mktemp("broken") / "set"
    config = Config(count=48, seed=5, search=Search("dlib"))
    with pytest.raises(StopError), open_executor(1) as executor:
        generate([samples], out, config, executor, progress=stop)
    assert list((out / ".parts").glob("shard-*.jsonl"))
    return out


def test_resumed_run_keeps_finished_shards(interrupted: Path, samples: Path) -> None:
    first = json.loads((interrupted / ".parts" / "shard-000000.jsonl").read_text().splitlines()[0])
    picture = interrupted / first["file"]
    before = picture.stat().st_mtime_ns
    config = Config(count=48, seed=5, search=Search("dlib"))
    summary = make(samples, interrupted, config, resume=True)
    assert summary.pictures == 48
    assert picture.stat().st_mtime_ns == before
    assert not (interrupted / ".parts").exists()


@pytest.mark.parametrize(
    ("config", "changed"),
    [
        pytest.param(Config(count=49, seed=5, search=Search("dlib")), "count", id="count"),
        pytest.param(Config(count=48, seed=6, search=Search("dlib")), "seed", id="seed"),
        pytest.param(
            Config(count=48, seed=5, recipe=Recipe(mix=Mix(1, 0, 0)), search=Search("dlib")),
            "mix",
            id="mix",
        ),
    ],
)
def test_another_run_is_not_resumed(
    interrupted: Path, samples: Path, config: Config, changed: str
) -> None:
    before = tree(interrupted)
    with pytest.raises(DatasetError, match=f"was begun with another {changed}"):
        make(samples, interrupted, config, resume=True)
    assert tree(interrupted) == before


def test_photos_may_not_change_before_a_resume(
    interrupted: Path, samples: Path, tmp_path: Path
) -> None:
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    shutil.copy(samples / "astronaut.png", fewer)
    config = Config(count=48, seed=5, search=Search("dlib"))
    with pytest.raises(DatasetError, match="another sources"):
        make(fewer, interrupted, config, resume=True)


def test_output_that_holds_something_is_left_alone(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("precious")
    for resume in (False, True):
        with pytest.raises(DatasetError, match="expected a new or empty folder"):
            make(folder, out, resume=resume)
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match="it is a file"):
        make(folder, tmp_path / "file")
    assert tree(out) == {"mine.txt": digest(out / "mine.txt")}


def test_empty_output_folder_is_taken(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert make(folder, tmp_path / "out", Config(count=1, search=Search("dlib"))).pictures == 1


def test_photos_without_faces(tmp_path: Path, bus_image: Image) -> None:
    write_image(tmp_path / "photos" / "wheel.png", bus_image[640:720, 320:400])
    with pytest.raises(NoFacesError, match=r"found none in 1 photos \(0 unreadable\)"):
        make(tmp_path / "photos", tmp_path / "out")
    # Nothing lies in the way of the next try.
    assert not (tmp_path / "out").exists()


def test_missing_source_leaves_no_output(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="missing"):
        make(tmp_path / "missing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unreadable_photos_are_told(folder: Path, tmp_path: Path) -> None:
    (folder / "text.jpg").write_text("not a picture")
    summary = make(folder, tmp_path / "out", Config(count=2, search=Search("dlib")))
    assert summary.pictures == 2
    assert len(summary.faults) == 1
    assert "text.jpg" in summary.faults[0]


def test_photo_that_breaks_between_search_and_drawing(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its pictures are missing, told once each, and the set is whole without them."""

    def damage(step: str, done: int, total: int) -> None:
        if step == "faces" and done:
            shutil.copy(folder / "head.png", tmp_path / "kept.png")
            (folder / "head.png").write_text("damaged")

    out = tmp_path / "out"
    config = Config(count=3, search=Search("dlib"))
    with open_executor(1) as executor:
        summary = generate([folder], out, config, executor, progress=damage)
    assert summary.pictures == 0
    assert len(summary.faults) == 3
    assert "3 of 3 pictures could not be drawn" in caplog.text
    assert (out / "data.yaml").is_file()


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("\u00dcml\u00e4ut \N{WINKING FACE} 'x' $y", id="signs"),
        pytest.param("y" * 250, id="long"),
        pytest.param("\N{WINKING FACE}" * 60, id="long-in-bytes"),
        pytest.param("two\nlines", id="newline"),
        pytest.param("caf\udce9", id="no-utf-8"),
    ],
)
def test_strange_file_names(name: str, folder: Path, tmp_path: Path) -> None:
    try:
        (folder / "head.png").rename(folder / f"{name}.png")
    except OSError:
        pytest.skip("this file system has no such names")
    out = tmp_path / "out"
    summary = make(folder, out, Config(count=2, search=Search("dlib")))
    assert summary.pictures == 2
    assert check_dataset(out).errors == 0
    for record in read_manifest(out):
        assert "\n" not in record.file
        record.source.encode()


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_is_told_by_step(folder: Path, tmp_path: Path, workers: int) -> None:
    steps: list[tuple[str, int, int]] = []
    config = Config(count=40, search=Search("dlib"))
    with open_executor(workers) as executor:
        generate(
            [folder],
            tmp_path / "out",
            config,
            executor,
            progress=lambda *step: steps.append(step),
        )
    assert steps[0] == ("faces", 0, 1)
    assert [done for name, done, _ in steps if name == "pictures"][-1] == 40
    assert len(steps) == 6
