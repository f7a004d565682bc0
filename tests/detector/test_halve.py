"""Weights stored in 16 bits: which are, and that computing stays in 32."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from detector.halve import halve


def test_kernels_are_stored_in_16_bits_and_numbers_beyond_stay(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    tensors = {
        "kernel": np.float32([[0.1, -2.0], [3.0, 1e-9]]),
        "large": np.float32([[1e6, 0.0], [0.0, 1.0]]),
        "bias": np.float32([0.1, 0.2]),
        "shape": np.array([[1, 2]], np.int64),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "kernel"], ["a"]),
        helper.make_node("MatMul", ["a", "large"], ["b"]),
        helper.make_node("Add", ["b", "bias"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [None, 2]) for n in ("x", "y"))
    initializers = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    graph = helper.make_graph(nodes, "graph", [x], [y], initializers)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))

    halve(path)

    onnx.checker.check_model(str(path))
    stored = {
        t.name: numpy_helper.to_array(t).dtype for t in onnx.load(str(path)).graph.initializer
    }
    expected = {"kernel_half": "float16", "large": "float32", "bias": "float32", "shape": "int64"}
    assert stored == expected
    session = onnxruntime.InferenceSession(str(path))
    (found,) = session.run(None, {"x": np.float32([[1, 2]])})
    assert found.dtype == np.float32
    kernel = tensors["kernel"].astype(np.float16).astype(np.float32)
    wanted = np.float32([[1, 2]]) @ kernel @ tensors["large"] + tensors["bias"]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
