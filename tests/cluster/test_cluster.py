"""Sets drawn by a cluster: the same bytes as here, also when workers are killed midway."""

import operator
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import cluster as seam
from data.cluster import open_cluster
from data.exceptions import MissingExtraError, UsageError, WorkerError
from data.files import digest
from data.images import read_image, write_image
from data.needs import find_fault, local_needs
from data.pool import count_workers, map_bounded, map_ordered, open_executor
from eval.cli.main import main
from synth.generate import Config, generate, silent
from synth.recipe import Recipe
from synth.search import Search

pytestmark = pytest.mark.cluster

# 4 shards of small pictures; faces by their labels, so that nothing is searched.
CONFIG = Config(count=56, seed=5, search=Search("labels"), recipe=Recipe(crowds=0.0, galleries=0.0))
PATIENCE = 2.0


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, astronaut: Path) -> Path:
    """Two photos with landmarks in `keypoints68.csv`."""
    root = tmp_path_factory.mktemp("photos")
    image = read_image(astronaut)
    csv = Path(__file__).parents[1] / "synth" / "astronaut68.csv"
    points = np.loadtxt(csv, delimiter=",", skiprows=1)
    lines = []
    for number in range(2):
        x, y = 40 * number, 10 * number
        write_image(root / "images" / f"n{number}_1.png", image[y : y + 300, x : x + 400].copy())
        values = ",".join(str(v) for v in (points - [x, y]).ravel())
        lines.append(f"n{number}_1.png,{values}\n")
    (root / "keypoints68.csv").write_text("".join(lines))
    return root


Tree = dict[str, str]


def tree(root: Path) -> Tree:
    """Every file below a folder, hidden ones too, and its digest."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): digest(path) for path in files}


@pytest.fixture(scope="module")
def here(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """What this process draws."""
    out = tmp_path_factory.mktemp("here") / "set"
    with open_executor(1) as executor:
        generate([photos], out, CONFIG, executor)
    return tree(out)


def parts(out: Path) -> list[Path]:
    return sorted((out / ".parts").glob("shard-*.jsonl"))


def wait_until(done: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not done() and time.monotonic() < end:
        time.sleep(0.01)


@contextmanager
def once(done: Callable[[], object], act: Callable[[], object]) -> Iterator[None]:
    """Meanwhile, do something as soon as something is so."""

    def look() -> None:
        wait_until(done)
        act()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_same_bytes_as_here(
    cluster: Any, photos: Path, here: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the command line, with relative paths, which mean other places on the workers."""
    monkeypatch.chdir(tmp_path)
    Path("recipe.toml").write_text("crowds = 0.0\ngalleries = 0.0\n")
    options = ["--count", "56", "--seed", "5", "--faces", "labels", "--config", "recipe.toml"]
    source = os.path.relpath(photos)
    assert main(["synth", source, "--out", "set", "--cluster", cluster.address, *options]) == 0
    assert tree(tmp_path / "set") == here


def test_work_comes_back(cluster: Any, tmp_path: Path) -> None:
    with open_cluster(cluster.address, [tmp_path], tmp_path / "new" / "out") as executor:
        assert list(map_ordered(executor, operator.neg, range(9))) == [-n for n in range(9)]
        assert dict(map_bounded(executor, operator.neg, range(9)))[8] == -8
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result()
        # A tuple that Dask would take for a task of its own.
        assert executor.submit(len, (operator.neg, 5)).result() == 2
        assert executor.submit(os.getpid).result() in {w.pid for w in cluster.workers}
        waiting = [executor.submit(time.sleep, 0.3) for _ in range(20)]
    assert waiting[-1].cancelled()
    assert list(tmp_path.iterdir()) == []


def test_killed_worker(small_cluster: Any, photos: Path, here: Tree, tmp_path: Path) -> None:
    first, out = small_cluster.workers[0], tmp_path / "set"
    small_cluster.add_worker()
    with open_cluster(small_cluster.address, [photos], out) as executor:
        wait_until(lambda: count_workers(executor) == 2)
        with once(lambda: parts(out), lambda: small_cluster.kill(first)):
            summary = generate([photos], out, CONFIG, executor)
    assert first.poll() is not None
    assert summary.pictures == CONFIG.count
    assert {k: v for k, v in tree(out).items() if ".parts" not in k} == here


def test_lost_cluster_and_resume(
    small_cluster: Any, photos: Path, here: Tree, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    (worker,) = small_cluster.workers
    with (
        open_cluster(small_cluster.address, [photos], out, patience=PATIENCE) as executor,
        once(lambda: parts(out), lambda: small_cluster.kill(worker)),
        pytest.raises(WorkerError, match=r"no worker came back within 2 s; .*--resume"),
    ):
        generate([photos], out, CONFIG, executor)
    finished = parts(out)
    assert 0 < len(finished) < 4
    before = {path: path.stat().st_mtime_ns for path in finished}

    steps: list[int] = []

    def watch(step: str, done: int, _: int) -> None:
        if step == "pictures":
            assert {p: p.stat().st_mtime_ns for p in finished} == before
            steps.append(done)

    small_cluster.add_worker()
    with open_cluster(small_cluster.address, [photos], out) as executor:
        generate([photos], out, CONFIG, executor, resume=True, progress=watch)
    assert steps[0] == 16 * len(finished)
    assert steps[-1] == CONFIG.count
    assert tree(out) == here


def test_lost_scheduler(small_cluster: Any, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    with open_cluster(small_cluster.address, [photos], out) as executor:
        waiting = executor.submit(time.sleep, 30)
        started = time.monotonic()
        small_cluster.kill(small_cluster.scheduler)
        with pytest.raises(WorkerError, match="lost the scheduler"):
            waiting.result()
        wait_until(lambda: not executor._watcher.is_alive())
        with pytest.raises(WorkerError, match="lost the scheduler"):
            executor.submit(time.sleep, 1)
    assert time.monotonic() - started < 20


def test_worker_without_maskwatch(
    small_cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two kinds: there from the start, and come later."""
    other = tmp_path / "other"
    (other / "data").mkdir(parents=True)
    (other / "data" / "__init__.py").touch()  # another package of that name
    with open_cluster(small_cluster.address, [], None) as executor:
        small_cluster.add_worker(other)
        wait_until(lambda: count_workers(executor) == 2)
        small_cluster.kill(small_cluster.workers[0])
        with pytest.raises(WorkerError, match="a worker lacks maskwatch of this version"):
            executor.submit(time.sleep, 0).result()
    with (
        pytest.raises(WorkerError, match=r"worker tcp://\S+ has no maskwatch of this version"),
        open_cluster(small_cluster.address, [], None),
    ):
        pass
    small_cluster.kill(small_cluster.workers[1])
    monkeypatch.setattr(seam, "CONNECT", 1.0)
    with (
        pytest.raises(WorkerError, match="no workers; start some with: dask worker tcp://"),
        open_cluster(small_cluster.address, [], None),
    ):
        pass


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux")
def test_path_that_workers_do_not_see(cluster: Any, tmp_path: Path) -> None:
    mine = Path(f"/proc/self/task/{os.getpid()}")
    with (
        pytest.raises(WorkerError, match=rf"worker tcp://\S+ doesn't see {mine}; mount"),
        open_cluster(cluster.address, [tmp_path, mine], None),
    ):
        pass


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({}, "", id="able"),
        pytest.param({"code": "0"}, "runs other code of the same version", id="code"),
        pytest.param({"paths": ("/no/such",)}, "doesn't see /no/such; mount", id="path"),
        pytest.param(
            {"versions": (("maskwatch", "9.9"),)}, r"has maskwatch .*, but 9\.9 is", id="version"
        ),
    ],
)
def test_what_a_worker_lacks(change: dict[str, Any], fault: str, tmp_path: Path) -> None:
    needs = local_needs([tmp_path, tmp_path / "not here either"])
    if "versions" in change:
        change = {"versions": (*change["versions"], *needs.versions[1:])}
    assert re.match(fault or "$", find_fault(replace(needs, **change)))


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        pytest.param("tcp://127.0.0.1:1", WorkerError, "no scheduler answers within", id="none"),
        pytest.param("tcp://a.invalid:1", WorkerError, "no scheduler answers within", id="host"),
        pytest.param("cluster", UsageError, "such as tcp://HOST:8786", id="no-port"),
        pytest.param("http://a:8787", UsageError, "such as tcp://HOST:8786", id="dashboard"),
        pytest.param("tls://127.0.0.1:1", UsageError, "expected certificates", id="tls"),
    ],
)
def test_address_that_is_none(
    address: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seam, "CONNECT", 0.3)
    with pytest.raises(error, match=message), open_cluster(address, [], None):
        pass


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingExtraError, match="uv sync --extra cluster"),
        open_cluster("tcp://127.0.0.1:1", [], None),
    ):
        pass


def test_output_that_workers_do_not_share(photos: Path, tmp_path: Path) -> None:
    """A worker that draws elsewhere, as where its mount is another folder."""
    out = tmp_path / "set"

    def swap(step: str, done: int, total: int) -> None:
        silent(step, done, total)
        if step == "pictures" and not done:
            (out / ".parts" / "config.json").unlink()

    with open_executor(1) as executor, pytest.raises(WorkerError, match="mount the output folder"):
        generate([photos], out, CONFIG, executor, progress=swap)


def test_predict_gives_the_same_document(
    cluster: Any,
    photos: Path,
    tiny_onnx: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = str(tiny_onnx())
    said = []
    for options in ([], ["--cluster", cluster.address]):
        copies = tmp_path / f"copies{len(said)}"
        options += ["--json", "-", "--save", str(copies), "--weights", weights]
        assert main(["predict", str(photos), *options]) == 0
        said.append((capsys.readouterr().out, list(tree(copies).values())))
    assert said[0] == said[1]
    assert len(said[0][1]) == 2
