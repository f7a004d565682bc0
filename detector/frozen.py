"""Training with the statistics of all normalisations kept as they are."""

from types import MethodType
from typing import Any


def freeze_statistics(module: Any) -> None:
    """Let a network's normalisations use, and keep, their running statistics while training.

    Batches of 16 pictures, four in one, aren't what prediction sees, and weights that are trained
    already need no new statistics (as in detectors' fine-tuning: He et al. 2017, "Mask R-CNN",
    ICCV, section 3.1 and its code). A normalisation is then linear, and is multiplied into the
    convolution before it at each step, which saves its passes over all activations (`maskwatch
    bench train` measures that). Scale and shift are still learnt.

    Args:
        module: torch module with ultralytics' `Conv` blocks; changed in place, and no longer
            to be pickled.
    """
    from ultralytics.nn.modules import Conv

    for part in module.modules():
        if isinstance(part, Conv) and type(part).forward is Conv.forward:
            part.forward = MethodType(_folded, part)


def _folded(block: Any, x: Any) -> Any:
    """Convolution, normalisation and activation of (B, C, H, W), the first two as one."""
    from torch.nn.functional import conv2d

    conv, bn = block.conv, block.bn
    scale = bn.weight * (bn.running_var + bn.eps).rsqrt()
    weight = conv.weight * scale.view(-1, 1, 1, 1)
    bias = bn.bias - bn.running_mean * scale
    return block.act(conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups))
