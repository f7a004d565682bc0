"""An evaluation in words: tables for the terminal and the page, pictures of mistakes."""

from collections.abc import Iterable

from data.exceptions import ImageError
from data.images import encode_image, read_image
from data.labels import CLASS_NAMES
from eval.confusion import LABELS
from eval.evaluation import Evaluation
from eval.mistakes import Mistake, crop_mistake
from eval.report import Picture, Table, format_interval, format_score


def size_name(min_height: float) -> str:
    """How a least face height is called in tables."""
    return f">= {min_height:g} px" if min_height else "all faces"


def ap_table(evaluation: Evaluation) -> Table:
    """A row a class: number of faces and AP50 at each least face height.

    AP50:95 stands for every face only, so that the table fits an 80-column terminal.
    """
    first = evaluation.sizes[0].scores
    header = ["class", size_name(first.min_height), "AP50", "AP50:95"]
    rows = [
        [name, str(first.faces[name]), *map(format_score, (first.ap50[name], first.ap50_95[name]))]
        for name in CLASS_NAMES
    ]
    mean = ["mean", str(first.face_count), format_score(first.map50), format_score(first.map50_95)]
    found = ["any face found", str(first.face_count), format_score(first.any_face_recall), ""]
    for size in evaluation.sizes[1:]:
        scores = size.scores
        header += [size_name(scores.min_height), "AP50"]
        for row, name in zip(rows, CLASS_NAMES, strict=True):
            row += [str(scores.faces[name]), format_score(scores.ap50[name])]
        mean += [str(scores.face_count), format_score(scores.map50)]
        found += [str(scores.face_count), format_score(scores.any_face_recall)]
    return Table(tuple(header), tuple(tuple(row) for row in [*rows, mean, found]))


def interval_table(evaluation: Evaluation) -> Table:
    """Bootstrap intervals of AP50 at each least face height."""
    header = ("AP50, 95 % interval", *(size_name(s.scores.min_height) for s in evaluation.sizes))
    rows = [
        (name, *(format_interval(s.ap50_interval[name]) for s in evaluation.sizes))
        for name in CLASS_NAMES
    ]
    mean = ("mean", *(format_interval(s.map50_interval) for s in evaluation.sizes))
    return Table(header, (*rows, mean))


def confusion_table(evaluation: Evaluation) -> Table:
    """The confusion matrix: true classes down, found ones across."""
    header = ("true, then found as", *LABELS[:-1], "missed")
    names = (*LABELS[:-1], "false alarm")
    matrix = evaluation.confusion.matrix.tolist()
    rows = [[name, *map(str, counts)] for name, counts in zip(names, matrix, strict=True)]
    rows[-1][-1] = ""
    return Table(header, tuple(tuple(row) for row in rows))


def class_note(evaluation: Evaluation) -> str:
    """Which classes the means are over."""
    present = evaluation.classes_with_truth
    absent = [name for name in CLASS_NAMES if name not in present]
    if not absent:
        return "Means are over the three classes, all of which have ground truth."
    return f"Means are over {' and '.join(present)}: the set has no {' and no '.join(absent)}."


def mistake_pictures(mistakes: Iterable[Mistake]) -> list[Picture]:
    """Cropped JPEGs of mistakes; a picture that has gone since it was scored is left out."""
    pictures = []
    for mistake in mistakes:
        try:
            crop = crop_mistake(read_image(mistake.pair.image), mistake)
        except ImageError:
            continue
        caption = f"{mistake.caption} ({mistake.pair.image.name})"
        pictures.append(Picture(encode_image(crop, ".jpg", 85), caption))
    return pictures
