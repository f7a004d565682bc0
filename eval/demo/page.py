"""The demo's report: one self-contained page. Every section says which weights it shows."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from data.boxes import Boxes
from data.check import Report
from data.dataset import Sample, find_samples, read_labels
from data.images import Image, encode_image, read_image
from data.labels import CLASS_NAMES
from detector.draw import class_colour, draw_boxes
from detector.predict import Prediction, count_classes, counts_to_text
from eval.evaluation import Evaluation
from eval.plots import plot_evaluation
from eval.report import Picture, Section, Table, format_score, render_page

# Rows of pictures, px: half as wide again as the page, so that they are sharp on fine screens.
_WIDTH = 1440
_GAP = 12
_PER_ROW = 4
_SAMPLES = 8

_SHEET = "Every style in every state, and the prints, on one face"
LEGEND = "Boxes: green with_mask, orange without_mask, yellow incorrect."

Tile = tuple[Image, Boxes]
Draw = Callable[[Image, Boxes], Image]


@dataclass(frozen=True)
class Scores:
    """Both weights on the same pictures."""

    shipped: Evaluation
    few_steps: Evaluation


@dataclass(frozen=True)
class Material:
    """What the page is made of.

    Attributes:
        root: the folder being built; its pictures are read from there.
        out: where it will lie, for the paths shown.
        weights: name of the weights that detect.
        shipped: whether these are the shipped ones, not others named with --weights.
        sheet: (H, W, 3) uint8 BGR, styles and states on one face.
        check: what the check says of the set.
        steps: optimiser steps of the short training.
        on_photos, on_pictures: detections on the sample photos and on validation pictures.
        scores: of both weights.
    """

    root: Path
    out: Path
    weights: str
    shipped: bool
    sheet: Image
    check: Report
    steps: int
    on_photos: Sequence[Prediction]
    on_pictures: Sequence[Prediction]
    scores: Scores


def build_page(material: Material, seconds: Mapping[str, float]) -> str:
    """The page as HTML; `seconds` by step.

    Raises:
        MissingExtraError: if jinja2 or matplotlib isn't installed.
        ImageError, AnnotationError: if a picture or label of the set can't be read.
    """
    lead = (
        f"The whole loop in small, made by maskwatch demo. Every detection shown is of "
        f"{_origin(material)}; the weights of the few training steps only show that the loop runs."
    )
    sections = [
        set_section(material),
        training_section(material),
        detection_section(material),
        score_section(material),
        command_section(material.out),
        time_section(seconds),
    ]
    return render_page("maskwatch: the loop in small", sections, lead)


def set_section(material: Material) -> Section:
    """The contact sheet, counts of the set, and some of its pictures with their labels."""
    check = material.check
    rows = tuple(
        (split, str(count), *(str(check.boxes[split, name]) for name in CLASS_NAMES))
        for split, count in sorted(check.pictures.items())
    )
    text = (
        "No weights are shown here: masks are drawn into the sample photos by landmarks, and "
        "the labels follow from how they were drawn. Faces that are too small or doubtful are "
        "blurred out.",
        f"The check found {check.errors} errors. One of the three photos makes the whole "
        f"validation split, so that nobody is seen in both. {LEGEND}",
    )
    samples = find_samples(material.root / "set")
    tiles = [_labelled(sample) for sample in _spread(samples, _SAMPLES)]
    return Section(
        "Synthesised set",
        text,
        (Table(("split", "pictures", *CLASS_NAMES), rows),),
        (
            _wide([_wall(tiles, _PER_ROW, _draw_labels)], "Pictures of the set with their labels"),
            _wide([material.sheet], _SHEET, shrinks=False),
        ),
    )


def training_section(material: Material) -> Section:
    """The curves of the few steps, and what they are worth."""
    curves = (material.root / "few-steps" / "curves.png").read_bytes()
    text = (
        f"Weights: few-steps/maskwatch.onnx, {material.steps} optimiser steps on the set above "
        "from random weights, as nothing is downloaded here. They only show the loop: a detector "
        "that finds faces needs thousands of pictures and hours, so expect scores near zero.",
    )
    caption = f"Losses and validation scores of the {material.steps} steps"
    return Section("A few training steps", text, pictures=(Picture(curves, caption, wide=True),))


def detection_section(material: Material) -> Section:
    """Detections on the photos as they are and on masked ones."""
    photos = [(p.image, p.boxes) for p in material.on_photos if p.image is not None]
    # Wide pictures fill a row, upright ones share one.
    alone = [tile for tile in photos if tile[0].shape[1] > 1.5 * tile[0].shape[0]]
    beside = [tile for tile in photos if tile[0].shape[1] <= 1.5 * tile[0].shape[0]]
    rows = [_row([tile], draw_boxes) for tile in alone]
    rows += [_row(beside, draw_boxes)] if beside else []
    pictures = [(p.image, p.boxes) for p in material.on_pictures if p.image is not None]
    text = (
        f"Weights: {_origin(material)}, at their own input size. "
        f"{LEGEND} A face under 24 px gets a box without a name.",
        f"On the sample photos: {_found(material.on_photos)}.",
        "On validation pictures, masked photos that the few steps above didn't see: "
        f"{_found(material.on_pictures)}.",
    )
    return Section(
        "Detections",
        text,
        pictures=(
            _wide(rows, f"{material.weights} on the sample photos as they are"),
            _wide([_wall(pictures, 3, draw_boxes)], f"{material.weights} on validation pictures"),
        ),
    )


def _origin(material: Material) -> str:
    """The detecting weights and where they are from."""
    whose = "the shipped weights" if material.shipped else "the weights named with --weights"
    return f"{whose} ({material.weights})"


def _found(predictions: Sequence[Prediction]) -> str:
    return counts_to_text(count_classes(p.boxes for p in predictions))


def score_section(material: Material) -> Section:
    """Both weights on the validation pictures."""
    text = (
        "AP50 on the validation pictures of the set above: synthesised, few, and of one photo. "
        "It shows how scoring works, not how good the weights are; figures on real photographs "
        "are in weights/README.md.",
        f"Weights: {_origin(material)} in the column detector and in the plot, and those of the "
        f"{material.steps} steps, of which nothing is to be expected, in the column few steps.",
    )
    plot = plot_evaluation(material.scores.shipped, f"{material.weights}, synthesised val pictures")
    caption = f"Precision, recall and confusion of {material.weights}"
    picture = Picture(plot, caption, wide=True)
    return Section("Scores", text, (score_table(material.scores),), (picture,))


def score_table(scores: Scores) -> Table:
    """AP50 by class of both weights; short headers, so that a phone shows it whole."""
    first, second = (e.sizes[0].scores for e in (scores.shipped, scores.few_steps))
    rows = [(name, first.faces[name], first.ap50[name], second.ap50[name]) for name in CLASS_NAMES]
    rows.append(("mean", first.face_count, first.map50, second.map50))
    return Table(
        ("class", "faces", "detector", "few steps"),
        tuple((name, str(n), format_score(a), format_score(b)) for name, n, a, b in rows),
    )


def next_commands(out: Path) -> list[str]:
    """Command lines to go on with; each runs as it is."""
    photos, dataset, few = (_quoted(out / name) for name in ("photos", "set", "few-steps"))
    return [
        f"maskwatch predict {photos} --save found",
        f"maskwatch eval {dataset} --html eval.html",
        f"maskwatch eval {dataset} --weights {few}/maskwatch.onnx",
        f"maskwatch synth {photos} --out my-set --count 500",
        "maskwatch check my-set",
        "maskwatch train my-set --out my-run",
    ]


def command_section(out: Path) -> Section:
    """What to try next, with the paths of this run."""
    text = (
        f"Put a folder of your own photos in the place of {out / 'photos'}: maskwatch synth finds "
        "their faces itself. Training starts from yolo26n.pt, which ultralytics downloads once.",
        "predict and eval use the shipped weights unless --weights names others.",
    )
    return Section("Next commands to try", text, code=tuple(next_commands(out)))


def time_section(seconds: Mapping[str, float]) -> Section:
    """How long each step took."""
    rows = tuple((title, f"{value:.1f}") for title, value in seconds.items())
    total = ("together", f"{sum(seconds.values()):.1f}")
    return Section("Time of each step", tables=(Table(("step", "seconds"), (*rows, total)),))


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _spread(samples: Sequence[Sample], count: int) -> list[Sample]:
    """At most `count` samples, evenly from first to last."""
    picked = np.linspace(0, len(samples) - 1, min(count, len(samples))).round().astype(int)
    return [samples[i] for i in picked]


def _labelled(sample: Sample) -> Tile:
    image = read_image(sample.image)
    return image, read_labels(sample.label, image.shape[1], image.shape[0])


def _draw_labels(image: Image, boxes: Boxes) -> Image:
    """Boxes alone: labels have no score that could be written beside them."""
    canvas = image.copy()
    for (x1, y1, x2, y2), label in zip(
        boxes.xyxy.round().astype(int).tolist(), boxes.class_ids, strict=True
    ):
        cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), class_colour(int(label)), 2, cv2.LINE_AA)
    return canvas


def _wall(tiles: Sequence[Tile], per_row: int, draw: Draw) -> Image:
    rows = [tiles[i : i + per_row] for i in range(0, len(tiles), per_row)]
    return _stack([_row(row, draw) for row in rows])


def _row(tiles: Sequence[Tile], draw: Draw) -> Image:
    """(h, _WIDTH, 3) uint8 BGR: pictures side by side at the height that fills the width.

    Boxes are drawn after scaling, so that lines and names are alike in every picture.
    """
    shares = sum(image.shape[1] / image.shape[0] for image, _ in tiles)
    room = _WIDTH - _GAP * (len(tiles) - 1)
    height = round(min(room / shares, 0.75 * _WIDTH))
    canvas = np.full((height, _WIDTH, 3), 255, dtype=np.uint8)
    x = 0
    for image, boxes in tiles:
        scale = height / image.shape[0]
        width = min(round(image.shape[1] * scale), _WIDTH - x)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
        scaled = Boxes(boxes.xyxy * scale, boxes.class_ids, boxes.scores)
        canvas[:, x : x + width] = draw(resized, scaled)
        x += width + _GAP
    return canvas


def _wide(rows: Sequence[Image], caption: str, *, shrinks: bool = True) -> Picture:
    """Rows below each other as one JPEG."""
    return Picture(encode_image(_stack(rows), ".jpg", 85), caption, wide=True, shrinks=shrinks)


def _stack(rows: Sequence[Image]) -> Image:
    gap = np.full((_GAP, rows[0].shape[1], 3), 255, dtype=np.uint8)
    return np.vstack([part for row in rows for part in (gap, row)][1:])
