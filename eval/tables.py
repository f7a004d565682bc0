"""Tables of what lies behind the scores: thresholds, kinds of errors, slices, comparisons."""

from collections.abc import Sequence
from itertools import groupby

from data.labels import CLASS_NAMES
from eval.errors import KINDS
from eval.evaluation import Evaluation
from eval.report import Table, format_score
from eval.side_by_side import Change, Entry
from eval.slices import Slice
from eval.thresholds import Point

# What each kind of error means, in a few words.
KIND_TEXT = {
    "classification": "right place, wrong class",
    "localisation": "right class, badly placed (IoU 0.1 to 0.5)",
    "both": "wrong class and badly placed",
    "duplicate": "the face was found already",
    "background": "no labelled face there",
    "missed": "a face that nothing found",
}
SLICE_TITLES = {
    "size": "height of the face",
    "class": "true class",
    "border": "box and the picture's border",
    "skin": "skin tone of bare faces, as it came out",
    "pose": "turn of the head",
    "style": "kind of mask",
    "state": "how it is worn",
    "texture": "print",
    "colour": "colour",
    "occluders": "before the face",
}


def threshold_table(evaluation: Evaluation) -> Table:
    """Precision, recall and F1 at the chosen score and at each class's best, with intervals."""
    thresholds = evaluation.thresholds
    rows = []
    for name in CLASS_NAMES:
        for what, point in (
            ("chosen", thresholds.chosen[name]),
            ("best F1", thresholds.best[name]),
        ):
            if point is not None:
                rows.append((name, what, *_point_cells(point)))
    header = ("class", "threshold", "score >=", "precision", "recall", "F1")
    return Table(header, tuple(rows))


def _point_cells(point: Point) -> tuple[str, ...]:
    pairs = (
        (point.precision, point.precision_interval),
        (point.recall, point.recall_interval),
        (point.f1, point.f1_interval),
    )
    return (f"{point.threshold:.3g}", *(with_interval(value, spread) for value, spread in pairs))


def short_threshold_table(evaluation: Evaluation) -> Table:
    """The same without intervals, a row a class, for an 80-column terminal."""
    thresholds = evaluation.thresholds
    conf = evaluation.confusion.conf
    rows = []
    for name in CLASS_NAMES:
        point, best = thresholds.chosen[name], thresholds.best[name]
        cells = [format_score(v) for v in (point.precision, point.recall, point.f1)]
        at = "-" if best is None else f"{best.threshold:.2f}"
        rows.append((name, *cells, at, format_score(None if best is None else best.f1)))
    header = (f"score >= {conf:g}", "precision", "recall", "F1", "best at", "F1 there")
    return Table(header, tuple(rows))


def with_interval(value: float | None, spread: tuple[float, float] | None) -> str:
    """A score and its interval, such as "0.812 (0.79-0.83)".

    Where every face was found, or none, all resamplings say the same; that is no interval.
    """
    if value is None or spread is None or spread[0] == spread[1]:
        return format_score(value)
    return f"{value:.3f} ({spread[0]:.2f}\N{EN DASH}{spread[1]:.2f})"


def error_table(evaluation: Evaluation) -> Table:
    """Kinds of errors: how many, and what mending each would add to mAP50 and to each class."""
    errors = evaluation.errors
    rows = tuple(
        (
            kind,
            str(errors.counts[kind]),
            format_change(errors.gain[kind]),
            *(format_change(errors.class_gain[kind][name]) for name in CLASS_NAMES),
        )
        for kind in KINDS
    )
    number = f"number, score >= {errors.conf:g}"
    return Table(("kind of error", number, "mAP50 if mended", *CLASS_NAMES), rows)


def format_change(value: float | None) -> str:
    """A difference of scores with its sign, "-" where there is none."""
    return "-" if value is None else f"{value:+.3f}"


def slice_tables(slices: Sequence[Slice]) -> list[Table]:
    """A table for each attribute."""
    tables = []
    for attribute, group in groupby(slices, key=lambda s: s.attribute):
        rows = tuple(
            (
                each.value.replace("_", " "),
                str(each.faces),
                with_interval(each.found, each.found_interval),
                with_interval(each.right, each.right_interval),
                format_score(each.ap50),
                _confusion_text(each),
            )
            for each in group
        )
        title = SLICE_TITLES.get(attribute, attribute)
        header = (title, "faces", "found", "right class", "AP50", "most often mistaken")
        tables.append(Table(header, rows))
    return tables


def worst_slices(slices: Sequence[Slice], least: int = 20, count: int = 5) -> Table:
    """The slices with the fewest faces found with the right class, of at least `least` faces."""
    large = sorted((s for s in slices if s.faces >= least), key=lambda s: s.right)
    rows = tuple(
        (
            f"{SLICE_TITLES.get(s.attribute, s.attribute)}: {s.value.replace('_', ' ')}",
            str(s.faces),
            format_score(s.found),
            format_score(s.right),
        )
        for s in large[:count]
    )
    return Table(("weakest on", "faces", "found", "right class"), rows)


def _confusion_text(each: Slice) -> str:
    if each.confusion is None:
        return ""
    true, found, count = each.confusion
    return f"{true} \N{RIGHTWARDS ARROW} {found}: {count}"


def comparison_table(entries: Sequence[Entry]) -> Table:
    """A row a detector: mAP50 and AP50 of each class, and what it found at the threshold."""
    rows = []
    for entry in entries:
        scores = entry.evaluation.sizes[0].scores
        cells = [scores.map50, scores.map50_95, *(scores.ap50[name] for name in CLASS_NAMES)]
        any_face = entry.evaluation.confusion.any_face_recall
        rows.append((entry.name, *map(format_score, [*cells, any_face])))
    header = ("detector", "mAP50", "50:95", *CLASS_NAMES, "found")
    return Table(header, tuple(rows))


def change_table(first: str, changes: Sequence[Change]) -> Table:
    """Differences to the first detector with their intervals; * where one leaves 0 out."""
    rows = []
    for change in changes:
        about = f"{change.name}: " if len(changes) > 1 else ""
        each = {"mAP50": change.map50} | {f"AP50 {k}": v for k, v in change.ap50.items()}
        each |= {"any face found": change.any_face_recall, "right class": change.right_class}
        rows += [
            (f"{about}{what}", *_difference_cells(value))
            for what, value in each.items()
            if value is not None
        ]
    title = f"{changes[0].name} against {first}" if len(changes) == 1 else f"against {first}"
    return Table((title, "difference", "95 % interval", ""), tuple(rows))


def _difference_cells(value: tuple[float, float | None, float | None]) -> tuple[str, str, str]:
    change, low, high = value
    if low is None or high is None:
        return f"{change:+.3f}", "-", ""
    sure = "*" if low > 0 or high < 0 else ""
    return f"{change:+.3f}", f"{low:+.3f} to {high:+.3f}", sure
