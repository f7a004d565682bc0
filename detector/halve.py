"""ONNX weights stored in 16 bits: half the file, computed in 32 bits as before."""

from pathlib import Path

import numpy as np

from data.extras import require


def halve(path: Path) -> None:
    """Store the kernels of an ONNX file in 16 bits, in place.

    Each becomes a float16 tensor and a Cast to float32, which onnxruntime and OpenVINO do once,
    as they load. Rounding changes a weight by at most 1 part in 2048 (IEEE 754 binary16); what
    ultralytics keeps of a training is rounded so, too. Biases and numbers beyond 65,504 stay.

    Args:
        path: a model as detector.export writes it.

    Raises:
        MissingExtraError: if onnx isn't installed.
    """
    onnx = require("onnx", "train")
    model = onnx.load(str(path))
    casts = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2:
            continue
        if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
            continue
        name, stored = tensor.name, f"{tensor.name}_half"
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    onnx.save(model, str(path))
