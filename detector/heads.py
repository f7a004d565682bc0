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
            for inputs in (old[0][0].conv.in_channels for old in getattr(head, name, None) or ())
        ]
        if branches:
            setattr(head, name, nn.ModuleList(branches))
    for part in head.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eps, part.momentum = known.eps, known.momentum


def has_second_head(module: Any) -> bool:
    """Whether a network has the end-to-end head beside the one whose boxes need NMS."""
    return getattr(module.model[-1], "one2one_cv2", None) is not None


def drop_second_head(module: Any) -> None:
    """Take the end-to-end head away, in place: what is left trains and predicts with the other."""
    head = module.model[-1]
    if has_second_head(module):
        head.end2end = False
        head.one2one_cv2 = head.one2one_cv3 = None


def copy_second_head(module: Any) -> None:
    """Begin the end-to-end head as a copy of the other, in place: as ultralytics begins every
    training, and better than at random."""
    head = module.model[-1]
    for branch in ("cv2", "cv3"):
        getattr(head, f"one2one_{branch}").load_state_dict(getattr(head, branch).state_dict())


def choose_heads(module: Any, source: Any, *, one_head: bool) -> None:
    """Give a network that is to be trained the heads it is trained with.

    Args:
        module: torch module of ultralytics, changed in place.
        source: the module whose weights it has got; None if they are random. Where it has no
            end-to-end head, that begins as a copy.
        one_head: without the end-to-end head.
    """
    if one_head:
        drop_second_head(module)
    elif source is not None and has_second_head(module) and not has_second_head(source):
        copy_second_head(module)
