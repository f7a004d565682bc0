"""Reading ultralytics' checkpoints, which are pickles, without running what they carry."""

from pathlib import Path
from typing import Any

from data.exceptions import TrainingError


def is_trained(last: Path, epochs: int) -> bool:
    """Whether a checkpoint's last epoch is done, so that only the finish is missing."""
    epoch = int(read_checkpoint(last).get("epoch", -1))
    # ultralytics removes the optimiser's state and sets -1 when it is done.
    return epoch < 0 or epoch + 1 >= epochs


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, read without executing what it carries.

    Raises:
        TrainingError: if it is damaged, of another kind, or names more than a model's classes.
    """
    from ultralytics.nn.tasks import torch_safe_load

    try:
        checkpoint: dict[str, Any] = torch_safe_load(str(path), safe_only=True)[0]
        model = checkpoint.get("ema") or checkpoint["model"]
        model.yaml["nc"]
    except (TypeError, AttributeError, KeyError, ValueError, RuntimeError, OSError) as error:
        raise TrainingError(
            f"{path}: expected an ultralytics checkpoint that carries a model and nothing that "
            f"runs, but loading failed ({type(error).__name__}); give another one"
        ) from error
    return checkpoint
