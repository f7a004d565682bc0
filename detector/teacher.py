"""Learning from the answers of a network that knows more.

At every place of its grid a teacher says how sure it is of each class, and where the face ends.
Taken as targets beside the labels they tell what labels don't: which masks are hard, and faces
that nobody labelled (Hinton et al. 2015, "Distilling the knowledge in a neural network"; for
detectors Chen et al. 2017, "Learning efficient object detection models with knowledge
distillation"). ultralytics' own `distill_model` compares features, by way of layers that begin at
random, which a short training hardly teaches anything, and needs the end-to-end head.

Several teachers, and what each says of the mirror image, are heard as one, by their mean: what one
of them alone gets wrong is learnt less (Radosavovic et al. 2018, "Data distillation"). A network's
own answers from before keep it from forgetting (Li & Hoiem 2016, "Learning without forgetting").
"""

from collections.abc import Sequence
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
    """A loss of ultralytics, one part of which compares with teachers' answers.

    What it reports (the second value) is the loss by the labels alone, as without a teacher.
    """

    def __init__(
        self,
        loss: Any,
        teachers: Sequence[Any],
        share: float,
        *,
        boxes: bool = True,
        mirrored: bool = False,
    ) -> None:
        self.loss, self.teachers, self.mirrored = loss, teachers, mirrored
        # Of box, class and distance.
        self.shares = (share, share, share) if boxes else (0.0, share, 0.0)

    def __call__(self, preds: Any, batch: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """As v8DetectionLoss and E2ELoss; where nothing is learnt, no teacher is asked."""
        import torch

        total, items = self.loss(preds, batch)
        if not torch.is_grad_enabled():
            return total, items
        with torch.no_grad():
            wanted = ask(self.teachers, batch["img"], mirrored=self.mirrored)
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


def ask(teachers: Sequence[Any], pictures: Any, *, mirrored: bool = False) -> dict[str, Any]:
    """What teachers say of pictures, together.

    Args:
        teachers: one or more, as of `prepare_teacher`, with grids of the same strides.
        pictures: (B, 3, H, W) float, 0 to 1.
        mirrored: ask each about the mirror image, too.

    Returns:
        "scores": (B, C, N), 0 to 1, the mean of theirs. "boxes": (B, 4 * R, N), the mean, each
        weighted by its score of the surest class there.
    """
    found = [answers(teacher(pictures)) for teacher in teachers]
    if mirrored:
        found += [mirror(answers(teacher(pictures.flip(3)))) for teacher in teachers]
    # Sums over all places want 32 bits.
    scores = [part["scores"].float().sigmoid() for part in found]
    trust = [each.amax(dim=1, keepdim=True).clamp(min=1e-9) for each in scores]
    boxes = sum(part["boxes"] * each for part, each in zip(found, trust, strict=True)) / sum(trust)
    return {"scores": sum(scores) / len(scores), "boxes": boxes}


def mirror(found: dict[str, Any]) -> dict[str, Any]:
    """Answers about mirror images, at the places of the pictures: "boxes" and "scores" as of
    `answers`, grids turned around, distances to the left and right exchanged."""
    import torch

    sizes = [level.shape[2:] for level in found["feats"]]  # (rows, columns) of each grid
    lengths = [rows * columns for rows, columns in sizes]

    def turn(values: Any) -> Any:  # (B, K, N)
        parts = zip(values.split(lengths, dim=2), sizes, strict=True)
        return torch.cat([part.unflatten(2, size).flip(3).flatten(2) for part, size in parts], 2)

    # Left, top, right, bottom, each one number or the bins of a distribution.
    sides = turn(found["boxes"]).unflatten(1, (4, -1))
    return {"boxes": sides[:, [2, 1, 0, 3]].flatten(1, 2), "scores": turn(found["scores"])}


def compare(own: dict[str, Any], wanted: dict[str, Any], loss: Any) -> Any:
    """How far answers are from a teacher's, (3,): box, class and distance, as `loss` weighs them.

    Cross-entropy of every place and class with the teacher's score; boxes as far as the teacher
    sees a face there. Both are sums over places by the sum of the teacher's scores, as
    v8DetectionLoss has it with the labels'.

    Args:
        own: of the network in training, as of `answers`.
        wanted: of teachers on the same pictures, as of `ask`, without gradients.
        loss: ultralytics' v8DetectionLoss, for its strides, weights and box loss.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits
    from ultralytics.utils.tal import make_anchors

    scores = wanted["scores"]
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


def learn_from(
    trainer: Any,
    paths: Sequence[str],
    share: float = SHARE,
    *,
    boxes: bool = True,
    mirrored: bool = False,
) -> None:
    """Let a trainer's loss, ultralytics' own or a soft one (detector.soft), ask teachers too.

    A callback for "on_pretrain_routine_end", after those that change the loss.

    Args:
        trainer: ultralytics' detection trainer.
        paths: the teachers' checkpoints.
        share: of the loss, 0 to 1, for all of them together.
        boxes: learn where they draw boxes, too, not only how sure they are of each class. Sets
            differ in what a face's box is, and a teacher keeps to that of its own labels.
        mirrored: ask about mirror images, too.
    """
    import torch
    from ultralytics.utils.torch_utils import unwrap_model

    teachers = []
    for path in paths:
        checkpoint = read_checkpoint(Path(path))
        teacher = prepare_teacher(checkpoint.get("ema") or checkpoint["model"], Path(path))
        teachers.append(teacher.to(device=trainer.device, memory_format=torch.channels_last))
    network = unwrap_model(trainer.model)
    loss = getattr(network, "criterion", None) or network.init_criterion()
    network.criterion = TaughtLoss(loss, teachers, share, boxes=boxes, mirrored=mirrored)
