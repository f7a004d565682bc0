"""Phase two: MobileNetV2 with three classes (Sandler et al. 2018), from torchvision, and its ONNX.

Input `crops`: (batch, 3, side, side) float32 RGB, 0 to 1; output `probabilities`: (batch, 3).
What ImageNet's networks expect of their input is done inside.
"""

import json
import logging
import pickle
import socket
import urllib.error
import warnings
from pathlib import Path
from typing import Any

from data.exceptions import TrainingError
from data.extras import require
from data.files import atomic_path, digest, write_text
from data.labels import CLASS_NAMES

log = logging.getLogger(__name__)

KIND = "maskwatch two-phase classifier"
OPSET = 17
# Seconds until a download that doesn't answer is given up.
_PATIENCE = 10.0
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB

STARTS = ("imagenet", "random", "auto")


def is_file_of_weights(start: str) -> bool:
    """Whether start weights are named as a file of torchvision's, and it is there."""
    return start.endswith(".pth") and Path(start).is_file()


def build(start: str) -> tuple[Any, str]:
    """The network, and what it starts from: "imagenet", "random", or the name of a file.

    "auto" takes torchvision's ImageNet weights from torch's cache or its server, and random ones
    where neither has them. A file is a state dict of torchvision's `mobilenet_v2`, as its server
    has them, for machines that can't reach it; its last layer is made anew.

    Raises:
        TrainingError: if "imagenet" is asked for and can't be had, or the file is something else.
        MissingExtraError: if torchvision isn't installed.
    """
    models = require("torchvision", "train").models
    torch = require("torch", "train")
    state, name = None, start
    if start.endswith(".pth"):
        state, name = _read_state(Path(start)), Path(start).name
    elif start != "random":
        state, name = _imagenet(models, asked=start == "imagenet"), "imagenet"
    if state is None:
        return models.mobilenet_v2(num_classes=len(CLASS_NAMES)), "random"
    network = models.mobilenet_v2()
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise TrainingError(_no_weights(start)) from error
    network.classifier[1] = torch.nn.Linear(network.last_channel, len(CLASS_NAMES))
    return network, name


def _read_state(path: Path) -> dict[str, Any]:
    """Tensors alone: a pickle that would run code is refused by torch."""
    torch = require("torch", "train")
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise TrainingError(_no_weights(path.name)) from error
    return state


def _no_weights(name: str) -> str:
    return (
        f"{name}: expected the weights of torchvision's mobilenet_v2 (1000 classes), but it holds "
        "something else; give their file, or --init random"
    )


def _imagenet(models: Any, *, asked: bool) -> dict[str, Any] | None:
    """Weights of torchvision, checked by their hash; None where they can't be had."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        weights = models.MobileNet_V2_Weights.IMAGENET1K_V2
        state: dict[str, Any] = weights.get_state_dict(progress=False, check_hash=True)
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        if asked:
            raise TrainingError(
                f"expected ImageNet weights of torchvision, but they can't be had ({error}); start "
                "from nothing with --init random"
            ) from error
        log.warning("torchvision's ImageNet weights can't be had (%s): random start", error)
        return None
    finally:
        socket.setdefaulttimeout(before)
    return state


def normalise(batch: Any) -> Any:
    """(B, 3, H, W) torch tensor, RGB 0 to 1, to zero mean and unit variance over ImageNet."""
    mean, std = (batch.new_tensor(v).view(1, 3, 1, 1) for v in (_MEAN, _STD))
    return (batch - mean) / std


def export(network: Any, side: int, context: float, out: Path) -> None:
    """Write the network as ONNX, and its SHA-256 beside it.

    Raises:
        MissingExtraError: if onnx isn't installed.
    """
    torch = require("torch", "train")
    onnx = require("onnx", "train")

    class Classifier(torch.nn.Module):  # type: ignore[misc, name-defined]
        """From pixels to probabilities."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, crops: Any) -> Any:
            """(B, 3, side, side) to (B, 3)."""
            return torch.softmax(self.network(normalise(crops)), dim=1)

    names = ("crops", "probabilities")
    with atomic_path(out) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on tracing
        torch.onnx.export(
            Classifier().eval(),
            (torch.zeros(2, 3, side, side),),
            str(temporary),
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes={name: {0: "batch"} for name in names},
            opset_version=OPSET,
            dynamo=False,  # the newer exporter needs onnxscript, and gains nothing here
        )
        model = onnx.load(str(temporary))
        facts = {
            "kind": KIND,
            "names": str(dict(enumerate(CLASS_NAMES))),
            "imgsz": str([side, side]),
            "context": json.dumps(context),
        }
        onnx.helper.set_model_props(model, facts)
        onnx.save(model, str(temporary))
    write_text(out.with_name(out.name + ".sha256"), f"{digest(out)}  {out.name}\n")
