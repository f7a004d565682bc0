"""Detection heads of YOLO26 as ultralytics builds them, made to measure."""

from typing import Any


def set_score_width(head: Any, hidden: int, classes: int) -> None:
    """Give a head new branches for scores, with hidden layers of a given width.

    Their width follows the classes that a network was first made for (80 in COCO), not its size:
    a head built for three classes is narrower than the one to be filled.

    Args:
        head: ultralytics' Detect of YOLO26, changed in place; its new layers are random.
        hidden: channels of the hidden layers.
        classes: scores an anchor.
    """
    from torch import nn
    from ultralytics.nn.modules import Conv, DWConv

    known = next(part for part in head.modules() if isinstance(part, nn.BatchNorm2d))
    for name in ("cv3", "one2one_cv3"):
        branches = [
            nn.Sequential(
                nn.Sequential(DWConv(inputs, inputs, 3), Conv(inputs, hidden, 1)),
                nn.Sequential(DWConv(hidden, hidden, 3), Conv(hidden, hidden, 1)),
                nn.Conv2d(hidden, classes, 1),
            )
            for inputs in (old[0][0].conv.in_channels for old in getattr(head, name, ()))
        ]
        if branches:
            setattr(head, name, nn.ModuleList(branches))
    for part in head.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps, part.momentum = known.eps, known.momentum
