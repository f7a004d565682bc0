"""Learning from the answers of a network that knows more.

At every place of its grid a teacher says how sure it is of each class, and where the face ends.
Taken as targets beside the labels they tell what labels don't: which masks are hard, and faces
that nobody labelled (Hinton et al. 2015, "Distilling the knowledge in a neural network"; for
detectors Chen et al. 2017, "Learning efficient object detection models with knowledge
distillation"). ultralytics' own `distill_model` compares features, by way of layers that begin at
random, which a short training hardly teaches anything, and needs the end-to-end head.
"""

from pathlib import Path
from typing import Any

from data.exceptions import TrainingError
from data.labels import CLASS_NAMES
from detector.checkpoint import read_checkpoint
from detector.heads import drop_second_head

# How much of the loss is the teacher's: labels and teacher count alike.
SHARE = 0.5

# Scores below this move no box: thousands of places see nothing, each with an arbitrary box.
_SEEN = 0.05


class TaughtLoss:
    """A loss of ultralytics, one part of which compares with a teacher's answers.

    What it reports (the second value) is the loss by the labels alone, as without a teacher.
    """

    def __init__(self, loss: Any, teacher: Any, share: float, *, boxes: bool = True) -> None:
        self.loss, self.teacher = loss, teacher
        # Of box, class and distance.
        self.shares = (share, share, share) if boxes else (0.0, share, 0.0)

    def __call__(self, preds: Any, batch: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """As v8DetectionLoss and E2ELoss; where nothing is learnt, the teacher isn't asked."""
        import torch

        total, items = self.loss(preds, batch)
        if not torch.is_grad_enabled():
            return total, items
        with torch.no_grad():
            wanted = answers(self.teacher(batch["img"]))
        lesson = compare(answers(preds), wanted, getattr(self.loss, "one2many", self.loss))
        shares = torch.tensor(self.shares, device=total.device)
        return (1 - shares) * total + shares * len(batch["img"]) * lesson, items

    def update(self) -> None:
        """After an epoch: E2ELoss weighs its heads anew."""
        if hasattr(self.loss, "update"):
            self.loss.update()


def answers(preds: Any) -> dict[str, Any]:
    """The raw answers of the head whose boxes need NMS, out of what a network of ultralytics gives
    in training or evaluation: "boxes" (B, 4, N), "scores" (B, C, N) before the sigmoid, "feats"."""
    raw = preds[1] if isinstance(preds, tuple) else preds
    found: dict[str, Any] = raw.get("one2many", raw)
    return found


def compare(own: dict[str, Any], wanted: dict[str, Any], loss: Any) -> Any:
    """How far answers are from a teacher's, (3,): box, class and distance, as `loss` weighs them.

    Cross-entropy of every place and class with the teacher's score; boxes as far as the teacher
    sees a face there. Both are sums over places by the sum of the teacher's scores, as
    v8DetectionLoss has it with the labels'.

    Args:
        own: of the network in training, as of `answers`.
        wanted: of the teacher on the same pictures, without gradients.
        loss: ultralytics' v8DetectionLoss, for its strides, weights and box loss.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits
    from ultralytics.utils.tal import make_anchors

    scores = wanted["scores"].float().sigmoid()  # sums over all places want 32 bits
    trust = scores.amax(dim=1)  # (B, N)
    total = trust.sum().clamp(min=1)
    classes = binary_cross_entropy_with_logits(own["scores"].float(), scores, reduction="sum")
    classes = classes / total
    anchors, strides = make_anchors(own["feats"], loss.stride, 0.5)
    distances = [part["boxes"].permute(0, 2, 1).contiguous() for part in (own, wanted)]
    found, target = (loss.bbox_decode(anchors, each) for each in distances)
    size = torch.tensor(own["feats"][0].shape[2:], device=trust.device) * loss.stride[0]
    box, distance = loss.bbox_loss(
        distances[0],
        found,
        anchors,
        target,
        trust[..., None],
        total,
        trust > _SEEN,
        size,
        strides,
    )
    gains = loss.hyp
    return torch.stack([box * gains.box, classes * gains.cls, distance * gains.dfl])


def prepare_teacher(module: Any, path: Path) -> Any:
    """A network of ultralytics made ready to be asked, on its device; changed in place.

    Raises:
        TrainingError: if it knows other classes than ours.
    """
    names = tuple(module.names.values())
    if names != CLASS_NAMES:
        raise TrainingError(
            f"{path}: expected a teacher of the classes {', '.join(CLASS_NAMES)}, but it has "
            f"{', '.join(map(str, names[:4]))}; give a mask detector with --teacher"
        )
    drop_second_head(module)
    module.float().eval()
    for weight in module.parameters():
        weight.requires_grad_(False)
    return module.fuse(verbose=False)


def learn_from(trainer: Any, path: str, share: float = SHARE, *, boxes: bool = True) -> None:
    """Let a trainer's loss, ultralytics' own or a soft one (detector.soft), ask a teacher too.

    A callback for "on_pretrain_routine_end", after those that change the loss.

    Args:
        trainer: ultralytics' detection trainer.
        path: the teacher's checkpoint.
        share: of the loss, 0 to 1.
        boxes: learn where it draws boxes, too, not only how sure it is of each class. Sets differ
            in what a face's box is, and a teacher keeps to that of its own labels.
    """
    import torch
    from ultralytics.utils.torch_utils import unwrap_model

    checkpoint = read_checkpoint(Path(path))
    teacher = prepare_teacher(checkpoint.get("ema") or checkpoint["model"], Path(path))
    network = unwrap_model(trainer.model)
    teacher.to(device=trainer.device, memory_format=torch.channels_last)
    loss = getattr(network, "criterion", None) or network.init_criterion()
    network.criterion = TaughtLoss(loss, teacher, share, boxes=boxes)
