"""The page of `maskwatch eval`: summary first, then what explains it, mistakes as pictures."""

from collections.abc import Sequence

from eval.bootstrap import LEVEL
from eval.evaluation import Evaluation
from eval.panels import comparison_panel, evaluation_panels
from eval.report import Card, Picture, Section, format_interval, format_score
from eval.side_by_side import Change, Entry
from eval.summary import ap_table, class_note, confusion_table, interval_table
from eval.tables import (
    KIND_TEXT,
    change_table,
    comparison_table,
    error_table,
    format_change,
    slice_tables,
    threshold_table,
    worst_slices,
)

_SKIN_NOTE = (
    "Skin tone is the individual typology angle (Chardon et al. 1991) of the middle of the box of "
    "bare faces at least 24 px high, in three broad groups. Light, exposure and white balance move "
    "it as much as the skin does: it shows whether the detector does worse on faces that look dark "
    "in the pictures, and says nothing of any person."
)


def page_sections(
    evaluation: Evaluation,
    mistakes: Sequence[Picture] = (),
    entries: Sequence[Entry] = (),
    changes: Sequence[Change] = (),
) -> list[Section]:
    """Sections for eval.report.render_page.

    Args:
        evaluation: of the first detector.
        mistakes: cropped pictures of its worst mistakes (eval.summary.mistake_pictures).
        entries: all detectors, where several are compared.
        changes: differences of the others to the first.
    """
    sections = [summary_section(evaluation)]
    if len(entries) > 1:
        sections.append(comparison_section(entries, changes))
    panels = tuple(evaluation_panels(evaluation))
    sections.append(Section("Plots", pictures=panels))
    if mistakes:
        text = (
            "The surest confusions and false alarms, and the largest missed faces (corners). "
            "Some may be errors of the labels.",
        )
        sections.append(Section("Worst mistakes", text, pictures=tuple(mistakes)))
    sections += [error_section(evaluation), slice_section(evaluation), score_section(evaluation)]
    return sections


def summary_section(evaluation: Evaluation) -> Section:
    """The figures to be seen first, and where the detector is weakest."""
    size = evaluation.sizes[0]
    scores, conf = size.scores, evaluation.confusion.conf
    spread = format_interval(size.map50_interval)
    best = evaluation.thresholds.best_for_all
    cards = [
        Card(format_score(scores.map50), "mAP50", f"95 %: {spread}" if evaluation.rounds else ""),
        Card(format_score(scores.map50_95), "mAP50:95"),
        Card(
            format_score(evaluation.confusion.any_face_recall),
            "of the faces found",
            f"by a box of any class, score >= {conf:g}",
        ),
    ]
    if best:
        cards.append(Card(f"{best[0]:.2f}", "best threshold", f"mean F1 {best[1]:.3f} there"))
    gains = {k: g for k, g in evaluation.errors.gain.items() if g is not None}
    if gains:
        worst = max(gains, key=lambda kind: gains[kind])
        cards.append(Card(worst, "costs most", f"mending it: {format_change(gains[worst])} mAP50"))
    weakest = worst_slices(evaluation.slices)
    tables = (weakest,) if weakest.rows else ()
    return Section("Summary", (class_note(evaluation),), tables, cards=tuple(cards))


def comparison_section(entries: Sequence[Entry], changes: Sequence[Change]) -> Section:
    """All detectors side by side."""
    text = [
        "On the same pictures. What follows below is about the first one. AP50 of every face; "
        "found: by a box of any class at the chosen score."
    ]
    if entries[0].evaluation.rounds:
        text.append(
            "Differences with 95 % intervals of a paired bootstrap over pictures; "
            "* where the interval leaves 0 out."
        )
    tables = (comparison_table(entries), change_table(entries[0].name, changes))
    return Section("Side by side", tuple(text), tables, (comparison_panel(entries),))


def error_section(evaluation: Evaluation) -> Section:
    """Kinds of errors, the confusion matrix, precision and recall."""
    text = (
        "Detections that are not right, by what is wrong with them, and faces that were missed "
        "(TIDE, Bolya et al. 2020). Gains, of the mean and of each class's AP50, are over all "
        "scores and don't add up.",
        "; ".join(f"{kind}: {meaning}" for kind, meaning in KIND_TEXT.items()) + ".",
        "In the confusion matrix boxes are matched whatever their class, so a wrong class is one "
        "confusion; in the table of thresholds they are matched class by class, as for AP.",
        "The threshold with the best F1 is chosen on these same pictures, so F1 there is "
        "somewhat too good.",
    )
    tables = (
        error_table(evaluation),
        confusion_table(evaluation),
        threshold_table(evaluation),
    )
    return Section("Errors", text, tables)


def slice_section(evaluation: Evaluation) -> Section:
    """A table for each attribute of the faces."""
    text = [
        f"Shares of the true faces at score >= {evaluation.confusion.conf:g}: found by a box of "
        "any class, found with the right class. AP50 only where false alarms can be told apart, "
        "too. Small slices have wide intervals."
    ]
    if any(s.attribute == "skin" for s in evaluation.slices):
        text.append(_SKIN_NOTE)
    return Section("Slices", tuple(text), tuple(slice_tables(evaluation.slices)))


def score_section(evaluation: Evaluation) -> Section:
    """AP by class and least size, with intervals."""
    text = [
        "AP50 is the average precision at IoU 0.5, AP50:95 its mean over IoU 0.5 to 0.95 "
        "(COCO's definitions). Faces below a size are ignored: neither right nor wrong."
    ]
    tables = [ap_table(evaluation)]
    if evaluation.rounds:
        tables.append(interval_table(evaluation))
        text.append(
            f"Intervals: {LEVEL:.0%} percentile bootstrap over pictures, "
            f"{evaluation.rounds} rounds, seed {evaluation.seed}."
        )
    return Section("Average precision", tuple(text), tuple(tables))
