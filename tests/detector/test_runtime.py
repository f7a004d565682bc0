from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from data.boxes import Boxes
from data.exceptions import UsageError, WeightsError
from data.labels import CLASS_NAMES
from detector.runtime import Detector, to_tensor
from detector.session import Metadata, parse_metadata

OnnxBuilder = Callable[..., Path]

BLUE, GREEN, RED = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def squares(height: int, width: int, *placed: tuple[int, int, tuple[int, int, int]]) -> np.ndarray:
    """A black picture with 16 x 16 px squares at (x, y)."""
    image = np.zeros((height, width, 3), np.uint8)
    for x, y, colour in placed:
        image[y : y + 16, x : x + 16] = colour
    return image


def by_place(boxes: Boxes) -> list[tuple[float, ...]]:
    """[x1, y1, x2, y2, class] rows, sorted."""
    rows = np.column_stack([boxes.xyxy.round(3), boxes.class_ids])
    return sorted(tuple(float(v) for v in row) for row in rows)


@pytest.mark.parametrize("head", ["many", "end2end"])
@pytest.mark.parametrize("size", [None, 64], ids=["dynamic", "fixed"])
def test_squares_are_found_where_they_are(
    tiny_onnx: OnnxBuilder, head: str, size: int | None
) -> None:
    # 128 px shown at 64: a square of 16 px is one cell of 8, reported as 12 px, 24 in the original.
    image = squares(64, 128, (16, 16, RED), (96, 32, GREEN), (48, 0, BLUE))
    detector = Detector(tiny_onnx(head, size))
    (boxes,) = detector.detect([image])
    assert by_place(boxes) == [
        (12, 12, 36, 36, 0),
        (44, 0, 68, 20, 2),
        (92, 28, 116, 52, 1),
    ]
    assert boxes.scores == pytest.approx([1, 1, 1], abs=1e-3)
    assert detector.name == "tiny.onnx"
    assert detector.class_names == CLASS_NAMES


@pytest.mark.parametrize("head", ["many", "end2end"])
@pytest.mark.parametrize("batch", [1, 2, 8])
def test_batches_find_what_single_runs_find(tiny_onnx: OnnxBuilder, head: str, batch: int) -> None:
    images = [
        squares(64, 128, (16, 16, RED)),
        squares(128, 64, (32, 96, GREEN)),
        squares(64, 128, (96, 32, BLUE), (0, 0, RED)),
        squares(128, 128),
        squares(64, 128, (48, 48, GREEN)),
    ]
    detector = Detector(tiny_onnx(head), batch=batch)
    together = detector.detect(images)
    alone = [detector.detect([image])[0] for image in images]
    assert [by_place(b) for b in together] == [by_place(b) for b in alone]
    assert [len(b) for b in together] == [1, 1, 2, 0, 1]


def test_a_model_of_a_fixed_batch_takes_any_number(tiny_onnx: OnnxBuilder) -> None:
    images = [squares(64, 128, (16 * i, 0, RED)) for i in range(5)]
    found = Detector(tiny_onnx(size=64, batch=2)).detect(images)
    assert [round(float(b.xyxy[0, 2])) for b in found] == [20, 36, 52, 68, 84]


@pytest.mark.parametrize(
    ("size", "imgsz", "reach"),
    [
        pytest.param(None, None, 24, id="own-size"),  # 128 px shown at 64
        pytest.param(None, 128, 12, id="finer"),
        pytest.param(None, 100, 12, id="rounded-up"),
        pytest.param(64, 128, 24, id="fixed-model-keeps-its-size"),
    ],
)
def test_a_size_for_these_pictures_alone(
    tiny_onnx: OnnxBuilder, size: int | None, imgsz: int | None, reach: float
) -> None:
    # Reported boxes are 12 px of the input.
    detector = Detector(tiny_onnx(size=size))
    image = squares(64, 128, (16, 16, RED))
    widths = [x2 - x1 for x1, _, x2, _ in detector.detect([image], imgsz=imgsz)[0].xyxy]
    assert widths == pytest.approx([reach] * len(widths))
    assert len(widths) > 0
    assert detector.detect([image])[0].xyxy[0, 2] - 12 == pytest.approx(24)
    for wrong in (0, 100_000):
        if size is None:
            with pytest.raises(UsageError, match="at most 8192"):
                detector.detect([image], imgsz=wrong)


def test_no_pictures_no_boxes(tiny_onnx: OnnxBuilder) -> None:
    assert Detector(tiny_onnx()).detect([]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (7, 9)])
def test_odd_pictures_pass(tiny_onnx: OnnxBuilder, shape: tuple[int, int]) -> None:
    (boxes,) = Detector(tiny_onnx()).detect([np.zeros((*shape, 3), np.uint8)])
    assert len(boxes) == 0


def test_conf_and_iou_are_obeyed(tiny_onnx: OnnxBuilder) -> None:
    image = squares(64, 128, (16, 16, RED), (32, 16, (0, 0, 200)))  # scores 1 and .57, IoU 1/5
    detector = Detector(tiny_onnx())
    assert len(detector.detect([image], conf=0.25)[0]) == 2
    assert len(detector.detect([image], conf=0.6)[0]) == 1
    assert len(detector.detect([image], iou=0.1)[0]) == 1
    assert detector.detect([image])[0].scores.tolist() == sorted(
        detector.detect([image])[0].scores.tolist(), reverse=True
    )


@pytest.mark.parametrize(
    ("asked", "metadata", "expected"),
    [
        (None, "[64, 64]", 64),
        (None, "[96, 320]", 320),
        (None, None, 640),
        (96, "[64, 64]", 96),
        (100, "[64, 64]", 128),
        (1, "[64, 64]", 32),
    ],
)
def test_size(
    tiny_onnx: OnnxBuilder, asked: int | None, metadata: str | None, expected: int
) -> None:
    assert Detector(tiny_onnx(metadata={"imgsz": metadata}), imgsz=asked).imgsz == expected


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ({}, {"imgsz": 0}, "expected imgsz of at least 1"),
        ({}, {"imgsz": 100_000}, "at most 8192"),
        ({}, {"threads": 0}, "expected threads of at least 1"),
        ({}, {"batch": -1}, "expected batch of at least 1"),
        ({"size": 64}, {"imgsz": 96}, "takes 64 px only"),
        ({}, {"providers": ["WarpDriveProvider"]}, "CPUExecutionProvider.*WarpDriveProvider"),
    ],
)
def test_impossible_options(
    tiny_onnx: OnnxBuilder, model: dict, options: dict, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Detector(tiny_onnx(**model), **options)


@pytest.mark.parametrize("option", ["conf", "iou"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_impossible_thresholds(tiny_onnx: OnnxBuilder, option: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"expected {option} from 0 to 1"):
        Detector(tiny_onnx()).detect([squares(64, 64)], **{option: value})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("best.pt", b"PK\x03\x04", r"run: maskwatch export .*best\.pt"),
        ("best.pth", b"", "PyTorch"),
        ("model.xml", b"<net/>", r"expected an ONNX file, but got '\.xml'"),
        ("model", b"", "no suffix"),
        ("text.onnx", b"no protobuf at all", "loading failed"),
        ("empty.onnx", b"", "loading failed"),
        ("gone.onnx", None, "No such file"),
    ],
    ids=lambda v: v if isinstance(v, str) and "." in v[-6:] else None,
)
def test_files_that_are_no_onnx(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=message) as raised:
        Detector(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "run.onnx").mkdir()
    with pytest.raises(WeightsError, match="Is a directory"):
        Detector(tmp_path / "run.onnx")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_model(tiny_onnx: OnnxBuilder, share: float) -> None:
    path = tiny_onnx()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match=r"tiny\.onnx"):
        Detector(path)


@pytest.mark.parametrize(
    ("names", "got"),
    [
        (None, "none"),
        ("{0: 'person', 1: 'bicycle', 2: 'car', 3: 'bus', 4: 'cat'}", "'person'.* and 1 more"),
        ("{0: 'without_mask', 1: 'with_mask', 2: 'incorrect'}", "'without_mask', 'with_mask'"),
        ("{0: 'with_mask', 1: 'without_mask'}", "'with_mask', 'without_mask';"),
        ("{2: 'incorrect', 0: 'with_mask', 1: 'without_mask'}", "none"),
        ("__import__('os').abort()", "none"),
        ("[" * 5000, "none"),
        ("-" * 5000 + "1", "none"),
        ("['with_mask', 'without_mask', 3]", "none"),
    ],
    ids=["missing", "coco", "order", "two", "keys", "code", "nested", "unary", "number"],
)
def test_another_models_classes(tiny_onnx: OnnxBuilder, names: str | None, got: str) -> None:
    with pytest.raises(WeightsError, match=f"expected the classes with_mask, .* has {got}"):
        Detector(tiny_onnx(metadata={"names": names}))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, Metadata((), 32, 640)),
        ({"names": "['a', 'b']"}, Metadata(("a", "b"), 32, 640)),
        ({"names": "{0: 'a'}", "stride": "64", "imgsz": "416"}, Metadata(("a",), 64, 416)),
        ({"imgsz": "[320, 480]", "stride": "-8"}, Metadata((), 32, 480)),
        ({"imgsz": "[]", "stride": "True"}, Metadata((), 32, 640)),
        ({"imgsz": "[1e9, 'x']", "stride": "1000000"}, Metadata((), 32, 640)),
    ],
    ids=["empty", "list", "plain", "rectangle", "nothing", "absurd"],
)
def test_metadata(raw: dict[str, str], expected: Metadata) -> None:
    assert parse_metadata(raw) == expected


@given(st.dictionaries(st.sampled_from(["names", "stride", "imgsz"]), st.text(max_size=60)))
def test_hostile_metadata_takes_defaults(raw: dict[str, str]) -> None:
    metadata = parse_metadata(raw)
    assert 1 <= metadata.stride <= 256
    assert 1 <= metadata.size <= 8192
    assert all(isinstance(name, str) for name in metadata.names)


def test_a_classifier_is_refused(tmp_path: Path) -> None:
    def save(in_shape: list, out_shape: list, kind: int = TensorProto.FLOAT) -> Path:
        graph = helper.make_graph(
            [helper.make_node("Identity", ["x"], ["y"])],
            "same",
            [helper.make_tensor_value_info("x", kind, in_shape)],
            [helper.make_tensor_value_info("y", kind, out_shape)],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, tmp_path / "other.onnx")
        return tmp_path / "other.onnx"

    image = [1, 3, 64, 64]
    for path_of in (
        lambda: save([1, 1, 64, 64], [1, 1, 64, 64]),
        lambda: save([1, 3, 64, 32], [1, 3, 64, 32]),
        lambda: save([1, 3], [1, 3]),
        lambda: save(image, image, TensorProto.UINT8),
    ):
        with pytest.raises(WeightsError, match="expected one input"):
            Detector(path_of())
    with pytest.raises(WeightsError, match="expected an output"):
        Detector(save(image, image))


def test_a_model_that_fails_as_it_runs(tiny_onnx: OnnxBuilder) -> None:
    path = tiny_onnx()
    model = onnx.load(path)
    (flat,) = [c for c in model.graph.initializer if c.name == "flat"]
    flat.CopyFrom(numpy_helper.from_array(np.array([0, 5, -1]), "flat"))  # 64 x 7 isn't 5 x N
    onnx.save(model, path)
    with pytest.raises(WeightsError, match=r"tiny\.onnx: the model fails .*\(1, 3, 64, 64\)"):
        Detector(path).detect([squares(16, 16)])


def test_tensors_are_rgb_planes_from_0_to_1() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 1] = (255, 51, 0)
    tensor = to_tensor([image, image])
    assert tensor.shape == (2, 3, 2, 3)
    assert tensor.dtype == np.float32
    assert tensor[1, :, 0, 1] == pytest.approx([0, 0.2, 1])
    assert tensor.sum() == pytest.approx(2.4)
