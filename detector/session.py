"""Opening ONNX models and reading what they say of themselves.

ONNX is a description of a graph, not a pickle: loading weights from a stranger runs no code.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from data.exceptions import UsageError, WeightsError
from weights.registry import verify

DEFAULT_PROVIDERS = ("CPUExecutionProvider",)
DEFAULT_SIZE = 640
DEFAULT_STRIDE = 32
MAX_SIZE = 8192
MAX_STRIDE = 256

# A name list of three classes has some 50 characters; ast.literal_eval of a hostile long one
# could exhaust the interpreter's stack.
_MAX_METADATA = 10_000

DTYPES: Mapping[str, type[np.floating[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}

# onnxruntime's errors have no common base.
ORT_ERRORS: tuple[type[Exception], ...] = (
    ort_errors.EPFail,
    ort_errors.EngineError,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoModel,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


@dataclass(frozen=True)
class Metadata:
    """What ultralytics writes into an exported model.

    Attributes:
        names: class names in the order of their ids; empty where the model names none.
        stride: the coarsest stride, px.
        size: longer side of the pictures that it was exported for, px.
    """

    names: tuple[str, ...]
    stride: int
    size: int


def parse_metadata(raw: Mapping[str, str]) -> Metadata:
    """An ONNX model's own key-value pairs, read as Python literals, never executed.

    What is missing or makes no sense takes its default.
    """
    names = _literal(raw.get("names"))
    if isinstance(names, dict) and list(names) == list(range(len(names))):
        names = list(names.values())
    named = isinstance(names, (list, tuple)) and all(isinstance(n, str) for n in names)
    size = _literal(raw.get("imgsz"))
    return Metadata(
        names=tuple(names) if named else (),
        stride=_in_range(_literal(raw.get("stride")), MAX_STRIDE, DEFAULT_STRIDE),
        size=max(
            (
                _in_range(side, MAX_SIZE, DEFAULT_SIZE)
                for side in (size if isinstance(size, (list, tuple)) else [size])
            ),
            default=DEFAULT_SIZE,
        ),
    )


def _literal(text: str | None) -> Any:
    if text is None or len(text) > _MAX_METADATA:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _in_range(value: Any, top: int, default: int) -> int:
    # bool is an int in Python, but no size.
    fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= top
    return int(value) if fits else default


def open_session(path: Path, threads: int | None, providers: Sequence[str]) -> Any:
    """An onnxruntime session of an ONNX file, shipped ones verified.

    Raises:
        WeightsError: if the file is missing, damaged or no ONNX.
        UsageError: if a provider isn't available.
    """
    missing = [p for p in providers if p not in ort.get_available_providers()]
    if missing:
        raise UsageError(
            f"expected providers of {', '.join(ort.get_available_providers())}, but got "
            f"{', '.join(missing)}"
        )
    content = read_onnx(path)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 4  # fatal only: errors come as exceptions
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1  # the graph runs node by node
    try:
        return ort.InferenceSession(content, options, providers=list(providers))
    except ORT_ERRORS as error:
        raise WeightsError(
            f"{path}: expected an ONNX model, but loading failed ({first_line(error)}); "
            "export it again with: maskwatch export"
        ) from error


def read_onnx(path: Path) -> bytes:
    """The bytes of an ONNX file, those of a shipped one verified.

    Raises:
        WeightsError: if it is missing, unreadable, of another format or changed.
    """
    if path.suffix.lower() in (".pt", ".pth"):
        raise WeightsError(
            f"{path}: expected an ONNX file, but got a PyTorch one, which could run code as it "
            f"loads; if you trust it, run: maskwatch export {path} --format onnx"
        )
    if path.suffix.lower() != ".onnx":
        raise WeightsError(
            f"{path}: expected an ONNX file, but got {path.suffix or 'no suffix'!r}; "
            "run: maskwatch export WEIGHTS --format onnx"
        )
    try:
        verify(path)
        return path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path}: expected weights, but can't read ({error.strerror})"
        ) from error


def check_graph(session: Any, path: Path) -> tuple[Any, bool]:
    """The model's input, and whether its height and width are fixed (and equal).

    Raises:
        WeightsError: if inputs or outputs aren't those of a detector.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    fixed = len(shape) == 4 and all(isinstance(side, int) for side in shape[2:])
    if (
        len(shape) != 4
        or (isinstance(shape[1], int) and shape[1] != 3)
        or isinstance(shape[2], int) != isinstance(shape[3], int)
        or (fixed and shape[2] != shape[3])
        or inputs[0].type not in DTYPES
    ):
        raise WeightsError(
            f"{path}: expected one input of (batch, 3, size, size) floats, but the model has "
            f"{[(i.type, i.shape) for i in inputs]}; export it again with: maskwatch export"
        )
    if not outputs or len(outputs[0].shape) != 3:
        raise WeightsError(
            f"{path}: expected an output of (batch, N, 6) or (batch, 7, N), but the model has "
            f"{[o.shape for o in outputs]}; export it again with: maskwatch export"
        )
    return inputs[0], fixed


def first_line(error: Exception) -> str:
    """The first line of an error, at most 200 characters."""
    return str(error).strip().split("\n", maxsplit=1)[0][:200]
