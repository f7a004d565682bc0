"""ONNX weights with 8-bit integers in the convolutions: a third of the size. Whether they are
faster depends on the processor and onnxruntime's version: measure with `maskwatch bench detect`."""

import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from data.exceptions import ImageError, UsageError, WeightsError
from data.extras import require
from data.files import atomic_path, digest, write_text
from data.images import read_image
from detector.letterbox import apply, plan
from detector.runtime import to_tensor
from detector.session import ORT_ERRORS, check_graph, first_line, open_session, parse_metadata

log = logging.getLogger(__name__)

MIN_PICTURES = 16
"""Fewer pictures don't show how far each layer's values range."""

_FAILURES: tuple[type[Exception], ...] = (*ORT_ERRORS, ValueError)


def quantise(weights: Path, pictures: Sequence[Path], out: Path, imgsz: int | None = None) -> Path:
    """Static quantisation of an ONNX model, and the SHA-256 of the result beside it.

    Weights get 8 bits with a scale for each output channel, activations 8 bits with a scale for
    each tensor, from the ranges that the calibration pictures give (Jacob et al. 2018; Nagel et
    al. 2021, "A white paper on neural network quantization"). The last layers of the head, whose
    outputs are pixels beside scores, stay float.

    Args:
        weights: an ONNX model as detector.export writes it, one-to-many or end-to-end.
        pictures: of the kind that the model will see, at least 16; never those it is tested on.
        out: the file to write, whole or not at all.
        imgsz: longer side for calibration, px; the model's own by default.

    Raises:
        UsageError: if there are too few pictures that can be read.
        WeightsError: if the model can't be loaded or quantised.
    """
    quantization = require("onnxruntime.quantization", "train")
    session = open_session(weights, None, ("CPUExecutionProvider",))
    tensor, square = check_graph(session, weights)
    metadata = parse_metadata(session.get_modelmeta().custom_metadata_map)
    size = int(tensor.shape[2]) if square else imgsz or metadata.size
    inputs = _inputs(pictures, tensor.name, size, metadata.stride, square=square)
    with tempfile.TemporaryDirectory(prefix="maskwatch-int8-") as folder, _quiet():
        prepared = Path(folder) / "prepared.onnx"
        try:
            quantization.shape_inference.quant_pre_process(
                str(weights), str(prepared), skip_symbolic_shape=True
            )
            with atomic_path(out) as temporary:
                quantization.quantize_static(
                    str(prepared),
                    str(temporary),
                    _reader(quantization, inputs),
                    quant_format=quantization.QuantFormat.QDQ,
                    per_channel=True,
                    op_types_to_quantize=["Conv"],
                    nodes_to_exclude=head_nodes(prepared),
                    calibrate_method=quantization.CalibrationMethod.MinMax,
                    extra_options={"CalibMovingAverage": True},
                )
                _copy_metadata(weights, temporary)
        except _FAILURES as error:
            raise WeightsError(
                f"{weights}: couldn't be quantised ({first_line(error)}); export it again with: "
                "maskwatch export"
            ) from error
    write_text(out.with_name(out.name + ".sha256"), f"{digest(out)}  {out.name}\n")
    return out


def _inputs(
    pictures: Sequence[Path], name: str, size: int, stride: int, *, square: bool
) -> list[dict[str, Any]]:
    """What the model is fed for each picture that can be read."""
    inputs = []
    for path in pictures:
        try:
            image = read_image(path)
        except ImageError as error:
            log.warning("%s; passed over", error)
            continue
        fit = plan((image.shape[0], image.shape[1]), size, stride, square)
        inputs.append({name: to_tensor([apply(image, fit)])})
    if len(inputs) < MIN_PICTURES:
        raise UsageError(
            f"expected at least {MIN_PICTURES} readable pictures for --calibrate, "
            f"but got {len(inputs)}; name a folder with more"
        )
    return inputs


def _reader(quantization: Any, inputs: Sequence[dict[str, Any]]) -> Any:
    """The inputs as onnxruntime's calibration wants to read them, one after the other."""

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._rest = iter(inputs)

        def get_next(self) -> dict[str, Any] | None:
            return next(self._rest, None)

    return Reader()


def head_nodes(path: Path) -> list[str]:
    """Names of the convolutions that nothing but reshaping and decoding follows: the head's last,
    and the attention's, whose products are sensitive."""
    onnx = require("onnx", "train")
    graph = onnx.load(str(path)).graph
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    activated = {"Sigmoid", "Mul", "Relu", "LeakyRelu", "HardSwish", "Clip"}
    return [
        node.name
        for node in graph.node
        if node.op_type == "Conv"
        and not any(r.op_type in activated for o in node.output for r in readers.get(o, []))
    ]


def _copy_metadata(source: Path, target: Path) -> None:
    onnx = require("onnx", "train")
    model = onnx.load(str(target))
    entries = {e.key: e.value for e in onnx.load(str(source)).metadata_props}
    onnx.helper.set_model_props(model, entries)
    onnx.save(model, str(target))


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the library's hints to run what we run."""
    root = logging.getLogger()
    level = root.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root.setLevel(logging.ERROR)
        try:
            yield
        finally:
            root.setLevel(level)


def spread_out(paths: Sequence[Path], count: int) -> list[Path]:
    """`count` of the paths, evenly from first to last; all where there are no more."""
    if len(paths) <= count:
        return list(paths)
    index = np.linspace(0, len(paths) - 1, count).round().astype(int)
    return [paths[i] for i in index]
