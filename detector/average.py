"""The average of several trained weights, which is often better than each of them."""

from collections.abc import Sequence
from typing import Any

from data.exceptions import UsageError, WeightsError


def parse_shares(text: str | None, count: int) -> list[float]:
    """Shares of `count` checkpoints from "2,3" (any positive numbers); equal ones from None.

    Raises:
        UsageError: if there aren't `count` positive numbers.
    """
    if text is None:
        return [1 / count] * count
    try:
        values = [float(v) for v in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or not all(0 < v < float("inf") for v in values):
        raise UsageError(
            f"expected --shares of {count} positive numbers, one a checkpoint, but got {text!r}"
        )
    return [v / sum(values) for v in values]


def average_into(target: Any, others: Sequence[Any], shares: Sequence[float]) -> None:
    """Give `target` the weighted mean of its own weights and those of others.

    Works where all come from one start, so that they lie in one valley of the loss: model soups
    (Wortsman et al. 2022), WiSE-FT for a checkpoint and what it was trained on to (the same 2022).

    Args:
        target: torch module, changed in place.
        others: modules of the same network.
        shares: of target and others in turn, summing to one.

    Raises:
        WeightsError: if they aren't the same network.
    """
    states = [module.state_dict() for module in (target, *others)]
    shapes = [{key: tuple(value.shape) for key, value in state.items()} for state in states]
    if any(shape != shapes[0] for shape in shapes):
        raise WeightsError("expected checkpoints of one network, but their layers differ")
    mean = {
        key: sum(s * state[key] for s, state in zip(shares, states, strict=True))
        if value.is_floating_point()
        else value
        for key, value in states[0].items()
    }
    target.load_state_dict(mean)
