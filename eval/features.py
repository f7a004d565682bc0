"""Features of face crops from inside a detector's ONNX file.

They are what everybody has without a download. Their limits: the detector was trained on
synthesised masks, so it may overlook what it learned to take for a mask; and figures compare only
where the weights are the same file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Floats
from data.exceptions import WeightsError
from data.extras import require
from data.images import Image
from detector.runtime import to_tensor
from detector.session import ORT_ERRORS, first_line, read_onnx

# Where the stages of YOLO26's backbone end, from strides 4 to 32: edges and weave, then shapes.
LAYERS = ("/model.2/cv2/act/Mul", "/model.4/cv2/act/Mul", "/model.6/cv2/act/Mul")
_BATCH = 32


class Extractor:
    """Features of crops; the same crop has the same features whatever stands beside it.

    Raises:
        WeightsError: if the file is no ONNX, or lacks the layers.
        MissingExtraError: if onnx isn't installed.
    """

    def __init__(self, weights: Path, layers: Sequence[str] = LAYERS) -> None:
        self._session = _open_inside(weights, layers)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, crops: Sequence[Image]) -> Floats:
        """(N, H, W, 3) uint8 BGR crops, sides multiples of 32 px, to (N, d) features.

        Each layer's mean over the picture, its length set to the root of its width; so the layers
        weigh alike, and the kernel of KID is bounded.
        """
        rows = []
        for start in range(0, len(crops), _BATCH):
            tensor = to_tensor(crops[start : start + _BATCH])
            outputs = self._session.run(None, {self._input: tensor})
            rows.append(np.concatenate([_normalise(o.mean(axis=(2, 3))) for o in outputs], axis=1))
        return np.concatenate(rows).astype(np.float64)


def _normalise(values: Floats) -> Floats:
    """(N, d) rows at length sqrt(d)."""
    lengths = np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return np.asarray(values / lengths * np.sqrt(values.shape[1]))


def _open_inside(weights: Path, layers: Sequence[str]) -> Any:
    """A session whose outputs are those of the named nodes."""
    import onnxruntime as ort

    onnx = require("onnx", "train")
    model = onnx.load_model_from_string(read_onnx(weights))
    outputs = {node.name: node.output[0] for node in model.graph.node}
    missing = [layer for layer in layers if layer not in outputs]
    if missing:
        raise WeightsError(
            f"{weights}: expected a YOLO26 backbone with {', '.join(missing)}, but there is none; "
            "use the shipped weights"
        )
    del model.graph.output[:]
    for layer in layers:
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(outputs[layer]))
    options = ort.SessionOptions()
    options.log_severity_level = 4  # fatal only: errors come as exceptions
    options.intra_op_num_threads = 1
    try:
        return ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except ORT_ERRORS as error:
        raise WeightsError(f"{weights}: can't be read inside ({first_line(error)})") from error
