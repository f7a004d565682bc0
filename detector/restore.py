"""ONNX weights back into a network that can be trained on.

An export folds each normalisation into the convolution before it and keeps one of YOLO26's two
heads. Both come back: normalisations whose statistics are measured on pictures, so that the network
says what the file says and a training's first step finds them right; and the end-to-end head as a
copy of the other, as ultralytics begins every training.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.exceptions import ImageError, WeightsError
from data.extras import require
from data.images import read_image
from detector.heads import copy_second_head, set_score_width
from detector.letterbox import letterbox
from detector.runtime import to_tensor
from detector.session import parse_metadata, read_onnx

Batch = NDArray[np.float32]
Kernels = dict[str, NDArray[np.float32]]

# Pictures that normalisations are measured on: at 416 px they show each channel 10,000 values in
# the coarsest layer. Few at once, since all values of a layer are squared in 64 bits.
MEASURED, _AT_ONCE = 64, 4

log = logging.getLogger(__name__)

# Sizes of YOLO26 by the channels of their first layer.
SIZES = {16: "n", 32: "s"}


def restore(path: Path, batches: Iterable[Batch]) -> Any:
    """The network of an ONNX file that detector.export wrote, ready for training.

    Args:
        path: ONNX file with the one-to-many head, shipped ones verified.
        batches: (B, 3, H, W) RGB in [0, 1], sides multiples of 32, as the training will show
            them; normalisations take their statistics from these, so a few dozen at least.

    Returns:
        ultralytics' DetectionModel, with the file's class names, in evaluation mode.

    Raises:
        WeightsError: if the file is no such export or of another network, or without batches.
        MissingExtraError: if torch or ultralytics isn't installed.
    """
    torch = require("torch", "train")
    kernels, names = _read(path)
    module = _build(path, kernels, names)
    values = {key: torch.from_numpy(np.array(kernel)) for key, kernel in kernels.items()}
    head = module.model[-1]
    with torch.no_grad():
        for name, part in _layers(module):
            _fold_out(path, name, part, values)
        head.end2end = False
        module.eval()
        _measure(module, [torch.from_numpy(batch) for batch in batches], path)
    copy_second_head(module)
    head.end2end = True  # as ultralytics builds it
    return module


def restore_checkpoint(path: Path, batches: Iterable[Batch], out: Path) -> Path:
    """What `restore` makes, as an ultralytics checkpoint in `out`; returns `out`.

    Raises:
        WeightsError, MissingExtraError: as restore.
    """
    ultralytics = require("ultralytics", "train")
    module = restore(path, batches)
    model = ultralytics.YOLO(module.yaml["yaml_file"], task="detect")
    module.args = model.model.args
    model.model, model.ckpt = module, {}
    out.parent.mkdir(parents=True, exist_ok=True)
    model.save(str(out))
    return out


def show_pictures(paths: Sequence[Path], size: int) -> Iterator[Batch]:
    """Some of the pictures, evenly taken, as batches of (B, 3, size, size) RGB in [0, 1].

    What can't be read is passed over with a warning.
    """
    chosen = paths[:: max(1, len(paths) // MEASURED)][:MEASURED]
    for start in range(0, len(chosen), _AT_ONCE):
        some = []
        for path in chosen[start : start + _AT_ONCE]:
            try:
                some.append(letterbox(read_image(path), size, square=True)[0])
            except ImageError as error:
                log.warning("%s; passed over", error)
        if some:
            yield to_tensor(some)


def _read(path: Path) -> tuple[Kernels, tuple[str, ...]]:
    """Weights and biases by the names of their layers, and the classes."""
    onnx = require("onnx", "train")
    errors = require("google.protobuf.message", "train")
    try:
        model = onnx.load_from_string(read_onnx(path))
    except errors.DecodeError as error:
        raise WeightsError(f"{path}: expected an ONNX model, but it can't be read") from error
    metadata = parse_metadata({entry.key: entry.value for entry in model.metadata_props})
    stored = {
        tensor.name.removesuffix("_half"): onnx.numpy_helper.to_array(tensor).astype(np.float32)
        for tensor in model.graph.initializer
        if tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    }
    kernels: Kernels = {}
    for node in model.graph.node:
        # A kernel is named by its layer; equal biases are stored once, under one layer's name.
        if node.op_type == "Conv" and len(known := [n for n in node.input if n in stored]) == 2:
            layer = known[0].removesuffix(".weight")
            kernels[f"{layer}.weight"] = stored[known[0]]
            kernels[f"{layer}.bias"] = stored[known[1]]
    return kernels, metadata.names


def _build(path: Path, kernels: Kernels, names: tuple[str, ...]) -> Any:
    """The file's network with random weights."""
    first, last = kernels.get("model.0.conv.weight"), kernels.get("model.23.cv3.0.2.weight")
    if first is None or last is None or first.shape[0] not in SIZES or not names:
        raise WeightsError(
            f"{path}: expected YOLO26n or YOLO26s as `maskwatch export` writes it in 32 or 16 bits "
            "(--head one2many), but its layers are others; give a checkpoint (.pt)"
        )
    tasks = require("ultralytics.nn.tasks", "train")
    layout = tasks.yaml_model_load(f"yolo26{SIZES[first.shape[0]]}.yaml")
    module = tasks.DetectionModel({**layout, "nc": len(names)}, ch=3, verbose=False)
    set_score_width(module.model[-1], last.shape[1], len(names))
    module.names = dict(enumerate(names))
    return module


def _layers(module: Any) -> Iterator[tuple[str, Any]]:
    """Convolutions with what normalises them, and those without, of all but the second head."""
    from torch import nn
    from ultralytics.nn.modules import Conv

    inside: set[str] = set()
    for name, part in module.named_modules():
        if "one2one" in name or name in inside:
            continue
        if isinstance(part, Conv):
            inside.add(f"{name}.conv")
            yield name, part
        elif isinstance(part, nn.Conv2d):
            yield name, part


def _fold_out(path: Path, name: str, part: Any, values: dict[str, Any]) -> None:
    """Set a layer's weights; its normalisation then adds the bias and does nothing else."""
    inner = part.conv if hasattr(part, "conv") else part
    prefix = f"{name}.conv" if hasattr(part, "conv") else name
    weight, bias = values.get(f"{prefix}.weight"), values.get(f"{prefix}.bias")
    if weight is None or bias is None or weight.shape != inner.weight.shape:
        found = None if weight is None else tuple(weight.shape)
        raise WeightsError(
            f"{path}: expected a layer {prefix} of {tuple(inner.weight.shape)}, but got {found}; "
            "give a checkpoint (.pt)"
        )
    inner.weight.copy_(weight)
    if inner is part:
        part.bias.copy_(bias)
        return
    part.bn.running_mean.zero_()
    part.bn.running_var.fill_(1 - part.bn.eps)
    part.bn.weight.fill_(1.0)
    part.bn.bias.copy_(bias)


def _measure(module: Any, batches: list[Any], path: Path) -> None:
    """Give each normalisation the mean and variance of what reaches it, and undo them.

    y = (x - m) / sqrt(v + e) * g + b is x + bias with g = sqrt(v + e) and b = bias + m (Ioffe and
    Szegedy 2015), whatever m and v are: with those of the pictures the network's answers stay,
    also when a training puts a batch's own in their place.
    """
    if not batches:
        raise WeightsError(f"{path}: expected pictures to measure normalisations on, but got none")
    with _collected(module) as sums:
        for batch in batches:
            module(batch)
    for part, (count, total, squares) in sums.items():
        mean = total / count
        variance = (squares / count - mean**2).clamp(min=0)
        part.running_mean.copy_(mean)
        part.running_var.copy_(variance)
        part.weight.copy_((variance + part.eps).sqrt())
        part.bias.add_(mean.to(part.bias.dtype))


@contextmanager
def _collected(module: Any) -> Iterator[dict[Any, list[Any]]]:
    """Count, sum and sum of squares by channel, in 64 bits, of what reaches normalisations."""
    from torch import nn

    sums: dict[Any, list[Any]] = {}

    def collect(part: Any, inputs: tuple[Any, ...]) -> None:
        values = inputs[0].double()
        new = [values[:, 0].numel(), values.sum((0, 2, 3)), (values**2).sum((0, 2, 3))]
        known = sums.get(part)
        sums[part] = new if known is None else [a + b for a, b in zip(known, new, strict=True)]

    parts = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    handles = [part.register_forward_pre_hook(collect) for part in parts]
    try:
        yield sums
    finally:
        for handle in handles:
            handle.remove()
