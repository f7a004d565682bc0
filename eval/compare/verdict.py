"""What a comparison comes to, in sentences; who is better follows from intervals alone."""

from collections.abc import Iterator, Sequence

from eval.compare.comparison import MEAN, Comparison
from eval.compare.coverage import WORN
from eval.compare.recall import ALL_SIZES, RecallRow
from eval.compare.timing import Timed

SINGLE, TWO_PHASE = "single-stage", "two-phase"


def better(interval: tuple[float, float] | None) -> str:
    """Who is better by an interval of single - two_phase; "" where it holds zero, or is none.

    >>> better((0.1, 0.2)), better((-0.2, -0.1)), better((-0.1, 0.1))
    ('single-stage', 'two-phase', '')
    """
    if interval is None or interval[0] <= 0 <= interval[1]:
        return ""
    return SINGLE if interval[0] > 0 else TWO_PHASE


def verdicts(comparison: Comparison, times: Sequence[Timed]) -> list[str]:
    """One sentence a finding: where each is better, and where neither."""
    wins: dict[str, list[str]] = {SINGLE: [], TWO_PHASE: [], "": []}
    for what, interval in _measures(comparison):
        wins[better(interval)].append(what)
    for timed in times:
        wins[_faster(timed)].append(_time_name(timed))
    lines = [
        f"The {name} one is better at: {'; '.join(wins[name])}."
        if wins[name]
        else f"The {name} one is clearly better at nothing here."
        for name in (SINGLE, TWO_PHASE)
    ]
    if wins[""]:
        lines.append(f"No clear difference: {'; '.join(wins[''])}.")
    return [*lines, *_slope(comparison)]


def _measures(comparison: Comparison) -> Iterator[tuple[str, tuple[float, float] | None]]:
    for name, interval in comparison.ap50_change.items():
        if name == MEAN or comparison.single.ap50[name] is not None:
            yield ("mAP50" if name == MEAN else f"AP50 of {name}"), interval
    for row in comparison.rows:
        if row.faces:
            yield f"recall of {row_name(row)}", row.difference
    for iou_min, rows in comparison.finder.items():
        for row in rows:
            if row.faces:
                what = f"recall of {row_name(row)}, face finder alone (IoU {iou_min:g})"
                yield what, row.difference


def row_name(row: RecallRow) -> str:
    """Such as "with_mask, 16 to 32 px"."""
    group = row.group or "all faces"
    return group if (row.low, row.high) == ALL_SIZES else f"{group}, {size_name(row)}"


def size_name(row: RecallRow) -> str:
    """Such as "16 to 32 px" and "all sizes"."""
    if (row.low, row.high) == ALL_SIZES:
        return "all sizes"
    return (
        f"{row.low:g} px and more"
        if row.high == float("inf")
        else (f"{row.low:g} to {row.high:g} px")
    )


def _faster(timed: Timed) -> str:
    # Three quarters of the pairs have to say so.
    low, high = timed.middle
    if low > 1:
        return SINGLE
    return TWO_PHASE if high < 1 else ""


def _time_name(timed: Timed) -> str:
    if timed.faces is None:
        return "time on this set's pictures"
    return f"time with {timed.faces} {'face' if timed.faces == 1 else 'faces'}"


def _slope(comparison: Comparison) -> Iterator[str]:
    """How much recall each loses from bare to rightly masked faces, at every size together."""
    whole = {
        row.group: row for row in comparison.rows if (row.low, row.high) == ALL_SIZES and row.faces
    }
    bare, worn = (whole.get(comparison.groups[k]) for k in (0, _worn(comparison)))
    if bare is None or worn is None:
        return
    changes = []
    for name, attribute in ((SINGLE, "single"), (TWO_PHASE, "two_phase")):
        before, after = getattr(bare, attribute), getattr(worn, attribute)
        changes.append(f"{name} {before:.3f} to {after:.3f}")
    yield f"Recall from {bare.group} to {worn.group}: {', '.join(changes)}."


def _worn(comparison: Comparison) -> int:
    """Position of the rightly worn masks among the groups."""
    return next(k for k, name in enumerate(comparison.groups) if name in ("with_mask", WORN))
