"""Sample photos from installed packages, a small real data set, a real browser."""

import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from hypothesis import settings
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import Browser, sync_playwright

from data.boxes import Boxes
from data.dataset import write_yaml
from data.extras import package_file
from data.images import Image, encode_image, read_image
from data.labels import CLASS_NAMES
from data.writer import write_sample
from detector.environment import private_environment

# As many test processes as cores, and each of them, and each training that they start, with as many
# threads of OpenMP: those that wait have to sleep, or they keep the cores from those that work
# (tests of trainings took twice as long). Read when torch is loaded, which is later.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Test processes share the cores already: read when they start, by OpenCV and linear algebra.
for library in ("OPENCV_FOR_THREADS_NUM", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(library, "1")
# Exports are simplified until nothing changes: after two rounds, which the third but confirms.
os.environ.setdefault("ONNXSLIM_MAX_ITER", "2")

# Examples are timed by nobody: a busy machine must not fail a property.
settings.register_profile("maskwatch", deadline=None)
settings.load_profile("maskwatch")


@pytest.fixture(scope="session")
def astronaut() -> Path:
    """512 x 512 px, public domain, one frontal face."""
    return package_file("skimage", "data/astronaut.png", "demo")


@pytest.fixture(scope="session")
def zidane() -> Path:
    """1280 x 720 px, two faces."""
    return package_file("ultralytics", "assets/zidane.jpg", "train")


@pytest.fixture(scope="session")
def bus() -> Path:
    """810 x 1080 px, a street with small faces."""
    return package_file("ultralytics", "assets/bus.jpg", "train")


@pytest.fixture(scope="module")
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """ultralytics in this process keeps to a folder of its own: the user's stays as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        for name, value in private_environment().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A YOLO26n for three classes with random weights, as ultralytics saves it."""
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        for name, value in private_environment().items():
            patch.setenv(name, value)
        import torch
        from ultralytics import YOLO
        from ultralytics.utils import ROOT

        torch.manual_seed(0)
        config = yaml.safe_load((ROOT / "cfg" / "models" / "26" / "yolo26.yaml").read_text())
        config["nc"] = len(CLASS_NAMES)
        (folder / "yolo26n.yaml").write_text(yaml.safe_dump(config))
        model = YOLO(str(folder / "yolo26n.yaml"), verbose=False)
        model.model.names = dict(enumerate(CLASS_NAMES))
        model.save(folder / "random.pt")
    return folder / "random.pt"


@pytest.fixture
def astronaut_image(astronaut: Path) -> Image:
    """(512, 512, 3) uint8 BGR, a fresh copy."""
    return read_image(astronaut)


@pytest.fixture
def zidane_image(zidane: Path) -> Image:
    """(720, 1280, 3) uint8 BGR, a fresh copy."""
    return read_image(zidane)


@pytest.fixture
def bus_image(bus: Path) -> Image:
    """(1080, 810, 3) uint8 BGR, a fresh copy."""
    return read_image(bus)


SetBuilder = Callable[..., Path]


@pytest.fixture
def make_set(tmp_path: Path, astronaut: Path) -> SetBuilder:
    """Builds a YOLO set of differing crops of one photo, each with one box of each class.

    `make_set(train=3, val=2, name="set")` returns its root.
    """
    photo = read_image(astronaut)

    def build(train: int = 3, val: int = 2, name: str = "set") -> Path:
        root = tmp_path / name
        boxes = Boxes(
            np.array([[10.0, 12, 60, 70], [100, 20, 140.5, 66.25], [0, 150, 30, 200]]),
            np.array([0, 1, 2]),
        )
        for number in range(train + val):
            split = "train" if number < train else "val"
            crop = np.ascontiguousarray(photo[number : number + 200, 40:280])
            write_sample(root, split, f"{split}_{number:03d}.jpg", crop, boxes)
        write_yaml(root)
        return root

    return build


OnnxBuilder = Callable[..., Path]

NAMES = "{0: 'with_mask', 1: 'without_mask', 2: 'incorrect'}"


@pytest.fixture
def tiny_onnx(tmp_path: Path) -> OnnxBuilder:
    """Builds a small real detector of coloured squares, with both heads of ultralytics' exports.

    Each 8 x 8 px cell of the input that is redder, greener or bluer than half grey is a box of
    12 x 12 px around its centre, of class 0, 1 or 2. Grey 114 of the padding is nothing.

    `tiny_onnx(head="many" | "end2end", size=None | 64, batch="batch" | 2, metadata={...},
    name="tiny.onnx")`; `size` fixes the input, metadata of None leaves a key out.
    """

    def build(
        head: str = "many",
        size: int | None = None,
        batch: int | str = "batch",
        metadata: dict[str, str | None] | None = None,
        name: str = "tiny.onnx",
    ) -> Path:
        shape = [batch, 3, size or "height", size or "width"]
        model = helper.make_model(
            helper.make_graph(
                _cells() + (_many() if head == "many" else _end2end()),
                "squares",
                [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
                [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [batch, *"ab"])],
                _constants(),
            ),
            opset_imports=[helper.make_opsetid("", 17)],
            ir_version=9,
        )
        said = {"names": NAMES, "stride": "32", "imgsz": "[64, 64]"} | (metadata or {})
        helper.set_model_props(model, {k: v for k, v in said.items() if v is not None})
        onnx.checker.check_model(model)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path)
        return path

    return build


def _constants() -> list[onnx.TensorProto]:
    floats = {"half": 0.5, "two": 2.0, "zero": 0.0, "one": 1.0, "eight": 8.0, "four": 4.0}
    floats |= {"side": 12.0}
    ints = {"rows": 2, "columns": 3}
    arrays = {k: np.array(v, np.float32) for k, v in floats.items()}
    arrays |= {k: np.array(v, np.int64) for k, v in ints.items()}
    arrays |= {"flat": np.array([0, 7, -1]), "parts": np.array([2, 2, 3])}
    return [numpy_helper.from_array(v, k) for k, v in arrays.items()]


def _cells() -> list[onnx.NodeProto]:
    """images to (B, 7, N) [cx, cy, w, h, red, green, blue], as "cells"."""
    node = helper.make_node
    return [
        node("AveragePool", ["images"], ["mean"], kernel_shape=[8, 8], strides=[8, 8]),
        node("Sub", ["mean", "half"], ["above"]),
        node("Mul", ["above", "two"], ["stretched"]),
        node("Clip", ["stretched", "zero", "one"], ["scores"]),
        node("ReduceMax", ["mean"], ["plane"], axes=[1], keepdims=1),
        node("Mul", ["plane", "zero"], ["zeros"]),
        node("Add", ["zeros", "one"], ["ones"]),
        node("CumSum", ["ones", "columns"], ["column"]),
        node("CumSum", ["ones", "rows"], ["row"]),
        node("Mul", ["column", "eight"], ["right"]),
        node("Sub", ["right", "four"], ["cx"]),
        node("Mul", ["row", "eight"], ["bottom"]),
        node("Sub", ["bottom", "four"], ["cy"]),
        node("Mul", ["ones", "side"], ["width"]),
        node("Concat", ["cx", "cy", "width", "width", "scores"], ["stacked"], axis=1),
        node("Reshape", ["stacked", "flat"], ["cells"]),
    ]


def _many() -> list[onnx.NodeProto]:
    return [helper.make_node("Identity", ["cells"], ["output0"])]


def _end2end() -> list[onnx.NodeProto]:
    """(B, 7, N) cells to (B, N, 6) [x1, y1, x2, y2, score, class]."""
    node = helper.make_node
    return [
        node("Transpose", ["cells"], ["cell_rows"], perm=[0, 2, 1]),
        node("Split", ["cell_rows", "parts"], ["centre", "extent", "class_scores"], axis=2),
        node("Mul", ["extent", "half"], ["reach"]),
        node("Sub", ["centre", "reach"], ["low"]),
        node("Add", ["centre", "reach"], ["high"]),
        node("ReduceMax", ["class_scores"], ["score"], axes=[2], keepdims=1),
        node("ArgMax", ["class_scores"], ["class_int"], axis=2, keepdims=1),
        node("Cast", ["class_int"], ["class"], to=TensorProto.FLOAT),
        node("Concat", ["low", "high", "score", "class"], ["output0"], axis=2),
    ]


@pytest.fixture(scope="session")
def oriented_jpeg() -> Callable[[Image, int], bytes]:
    """Encodes (H, W, 3) BGR as a JPEG whose EXIF says orientation 1 to 8 (Exif 2.32, 0x0112)."""

    def encode(image: Image, orientation: int) -> bytes:
        content = encode_image(image, ".jpg", 95)
        entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
        tiff = b"MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
        exif = b"Exif\0\0" + tiff
        return content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:]

    return encode


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, headless, with a profile of its own that goes with it.

    Tests that use it are marked `browser`. Playwright holds the thread's event loop as long as
    the fixture lives, so the same module can't call asyncio.run in its own thread.
    """
    path = next(filter(None, map(shutil.which, ("/usr/bin/chromium", *BROWSERS))), None)
    if path is None:
        reason = f"no browser: none of {', '.join(BROWSERS)} is on PATH; apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()
