"""Two nano networks side by side in one small one, as a start for its training.

A small YOLO has twice the channels of a nano one in every layer. With the weights of one nano in
one half of them, those of another in the other half and none between, it answers with the mean of
both: their ensemble, in a network whose halves a training can then connect. Growing a network
without changing what it says follows Net2Net (Chen et al. 2016, "Net2Net: accelerating learning
via knowledge transfer", ICLR); its copies of one network would stay alike in training, two
networks don't.
"""

from dataclasses import dataclass
from typing import Any

from data.exceptions import WeightsError
from detector.heads import drop_second_head, has_second_head, set_score_width

NARROW, WIDE = "n", "s"  # ultralytics' names of the sizes


@dataclass(frozen=True)
class Grain:
    """How many channels stay together when those of both networks alternate.

    One by one, halves and joins of layers fall on the same channels as before; the channels of an
    attention head stay together.
    """

    inputs: int = 1
    outputs: int = 1


def place(count: int, wide: int, which: int, grain: int) -> list[int]:
    """Where a network's channels lie in the wide one.

    Args:
        count: channels of the nano network's layer.
        wide: channels of the small one's: as many (the picture, or answers), or twice as many.
        which: 0 for the first network, 1 for the second.
        grain: channels that stay together; a divisor of count.

    Returns:
        `count` positions.

    Raises:
        WeightsError: if the layer is neither as wide nor twice as wide.
    """
    if wide == count:
        return list(range(count))
    if wide != 2 * count or count % grain:
        raise WeightsError(f"expected a layer of {2 * count} channels, but got {wide}")
    return [2 * c - c % grain + which * grain for c in range(count)]


def widen(first: Any, second: Any) -> Any:
    """A small detection network that answers with the mean of two nano ones.

    Boxes before decoding and scores before the sigmoid are averaged, anchor by anchor.

    Args:
        first: torch module of ultralytics' YOLO26n.
        second: another of the same network.

    Returns:
        A new module, with the names and arguments of the first.

    Raises:
        WeightsError: if they aren't nano networks of one kind.
    """
    from ultralytics.nn.tasks import DetectionModel

    if not (_is_nano(first) and _is_nano(second)):
        raise WeightsError(
            "expected two nano checkpoints of YOLO26 to widen, but got sizes "
            f"{first.yaml.get('scale')!r} and {second.yaml.get('scale')!r}"
        )
    states = [module.state_dict() for module in (first, second)]
    shapes = [{key: tuple(value.shape) for key, value in state.items()} for state in states]
    if shapes[0] != shapes[1]:
        raise WeightsError("expected checkpoints of one network, but their layers differ")
    file = str(first.yaml.get("yaml_file", "")).replace("yolo26n", "yolo26s")
    layout = {**first.yaml, "scale": WIDE, "yaml_file": file}
    wide = DetectionModel(layout, ch=3, verbose=False)
    if not has_second_head(first):
        drop_second_head(wide)
    _widen_scores(wide.model[-1], first.model[-1])
    grains = _find_grains(wide)
    target = wide.state_dict()
    for key, values in target.items():
        layer = key.rsplit(".", 2)[0] if ".bn." in key else key.rsplit(".", 1)[0]
        _fill(values, [state[key] for state in states], grains.get(layer, Grain()))
    wide.load_state_dict(target)
    for name in ("names", "args", "nc", "task"):
        if hasattr(first, name):
            setattr(wide, name, getattr(first, name))
    return wide


def _is_nano(module: Any) -> bool:
    """Whether it is a YOLO26n: older ones tell an edge by several numbers, whose layers are as wide
    in a small network as in a nano one."""
    head = module.model[-1]
    one_number = getattr(head, "reg_max", None) == 1 and hasattr(head, "one2one_cv3")
    return one_number and module.yaml.get("scale") == NARROW


def _widen_scores(head: Any, narrow: Any) -> None:
    """Give a head hidden layers for scores of twice the narrow one's width."""
    first = narrow.cv3[0]
    set_score_width(head, 2 * first[1][1].conv.out_channels, first[2].out_channels)


def _find_grains(module: Any) -> dict[str, Grain]:
    """The layers of attention, by name, whose channels come in heads."""
    grains = {}
    for name, part in module.named_modules():
        if hasattr(part, "head_dim"):
            head = part.head_dim
            own = {
                "qkv": Grain(outputs=head + 2 * part.key_dim),
                "pe": Grain(outputs=head),
                "proj": Grain(inputs=head),
            }
            for layer, grain in own.items():
                grains[f"{name}.{layer}"] = grains[f"{name}.{layer}.conv"] = grain
    return grains


def _fill(target: Any, sources: list[Any], grain: Grain) -> None:
    """Set a layer's tensor from those of both networks.

    Args:
        target: of the wide network, changed in place: (O, I, h, w) weights of a convolution, (O,)
            of a bias or a normalisation, or a count without an axis.
        sources: the same of each nano network.
        grain: of its channels.
    """
    if not target.ndim:
        target.copy_(sources[0])
        return
    target.zero_()
    shared = target.shape[0] == sources[0].shape[0]  # answers, to which both halves add
    for which, source in enumerate(sources):
        part = source / len(sources) if shared else source
        rows = place(source.shape[0], target.shape[0], which, grain.outputs)
        if target.ndim == 1:
            target[rows] += part
            continue
        # Layers channel by channel have one input each.
        columns = place(source.shape[1], target.shape[1], which, grain.inputs)
        for row, values in zip(rows, part, strict=True):
            target[row, columns] += values
