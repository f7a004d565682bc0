"""ONNX weights in OpenVINO's own format, for its runtime and for ultralytics."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from data.exceptions import UsageError, WeightsError
from data.extras import require
from data.files import atomic_folder
from detector.session import check_graph, open_session, parse_metadata

SUFFIX = "_openvino_model"
"""End of the folder's name by which ultralytics knows the format."""


def export_openvino(weights: Path, out: Path, *, half: bool = False) -> Path:
    """Convert an ONNX model to a folder with NAME.xml, NAME.bin and metadata.yaml.

    Inputs and outputs are those of the ONNX model (detector.export). `ultralytics.YOLO(folder)`
    loads it where the folder's name ends in "_openvino_model".

    Args:
        weights: an ONNX model as detector.export writes it.
        out: the folder to make; whole or not at all; an earlier one is replaced.
        half: store weights in 16 bits: half the size, scores change in the third decimal.

    Raises:
        MissingExtraError: if openvino isn't installed.
        UsageError: if `out` is something else than a folder that this made.
        WeightsError: if the model can't be loaded or converted.
    """
    openvino = require("openvino", "openvino")
    session = open_session(weights, None, ("CPUExecutionProvider",))
    check_graph(session, weights)
    metadata = parse_metadata(session.get_modelmeta().custom_metadata_map)
    if out.exists() and not (out.is_dir() and list(out.glob("*.xml"))):
        raise UsageError(f"{out}: expected a new folder, but there is something else; name another")
    try:
        model = openvino.convert_model(str(weights))
    except (RuntimeError, ValueError) as error:
        raise WeightsError(f"{weights}: OpenVINO couldn't convert it ({error})") from error
    if out.exists():
        shutil.rmtree(out)
    with atomic_folder(out) as folder:
        openvino.save_model(model, str(folder / f"{weights.stem}.xml"), compress_to_fp16=half)
        text = yaml.safe_dump(_describe(metadata), sort_keys=False)
        (folder / "metadata.yaml").write_text(text, encoding="utf-8")
    return out


def _describe(metadata: Any) -> dict[str, Any]:
    """What ultralytics reads beside the model."""
    return {
        "task": "detect",
        "batch": 1,
        "imgsz": [metadata.size, metadata.size],
        "stride": metadata.stride,
        "names": dict(enumerate(metadata.names)),
    }
