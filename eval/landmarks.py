"""Landmark error, and how well masks fit, against landmarks set by hand.

    python -m eval.landmarks FOLDER [--face-model ONNX] [--faces MODE] [--json FILE]

FOLDER holds `images/` and `keypoints68.csv` (name, then 68 x,y pairs, a line). Faces are searched
as `maskwatch synth` searches them, the hand-made landmarks left aside. Errors are in % of the
distance between the outer eye corners (Sagonas et al. 2013, "300 Faces in-the-Wild").
"""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.boxes import Floats, iou
from data.exceptions import DatasetError, ImageError, MaskwatchError
from data.files import write_json
from data.images import Image, find_images, read_image
from eval.outline import (
    Bools,
    Frame,
    cover,
    covers,
    eye_distance,
    frame_of,
    middle_edges,
    outline_distance,
    overlap,
)
from eval.report import Table, table_to_text
from synth.face_model import (
    Placement,
    landmarks_to_box,
    place_by_box,
    place_by_five_points,
    place_by_landmarks,
)
from synth.faces import SURE_SCORE, Candidate, Face, Finder, align_face
from synth.finders import make_finders
from synth.shapes import SHAPES
from synth.sources import labelled_candidates

log = logging.getLogger(__name__)

# A face is found where a box overlaps the hand-made one so far; boxes differ by convention.
_FOUND = 0.3
YAWS = ((0, 15), (15, 30), (30, 45), (45, 90))
_CHIN, _BRIDGE, _TIP = 8, 27, 30
_NOSTRILS, _MOUTH = slice(31, 36), slice(48, 60)


@dataclass(frozen=True)
class Fit:
    """One style's mask under one placement, against the placement by hand-made landmarks.

    Attributes:
        distance: mean distance of the outlines, % of the eye distance.
        iou: of the two outlines, 0 to 1.
        chin, nose, mouth: whether the hand-made points there are covered.
        upper: where the upper edge is, 0 at the nose bridge (point 27), 1 at its tip (point 30).
        beyond_chin: how far the lower edge reaches below the chin (point 8), % of the eye
            distance.
    """

    distance: float
    iou: float
    chin: bool
    nose: bool
    mouth: bool
    upper: float
    beyond_chin: float


@dataclass(frozen=True)
class Result:
    """One hand-marked face.

    Attributes:
        name: of its picture.
        yaw: degrees, from the hand-made landmarks.
        found: whether a finder reports it.
        error: mean distance of the 68 points, % of the eye distance; None without landmarks.
        fits: kind of placement ("hand", "placed", "landmarks", "five points", "box"), then style,
            to its fit; kinds that can't be had are missing. "placed" is what is drawn with.
    """

    name: str
    yaw: float
    found: bool
    error: float | None
    fits: dict[str, dict[str, Fit]]


def measure_face(image: Image, name: str, truth: Floats, finders: Sequence[Finder]) -> Result:
    """Search the face that (68, 2) hand-made landmarks mark, and compare."""
    by_hand = place_by_landmarks(truth)
    candidate = find_marked(image, landmarks_to_box(truth), finders)
    placements = {"hand": by_hand}
    error = None
    if candidate is not None:
        face = align_face(image, candidate)
        error = None if face.landmarks is None else landmark_error(face.landmarks, truth)
        placements |= _placements(face, candidate)
    return Result(
        name, by_hand.angles[0], candidate is not None, error, compare_masks(placements, truth)
    )


def find_marked(image: Image, box: Floats, finders: Sequence[Finder]) -> Candidate | None:
    """What the first finder that sees the face in the (4,) box reports of it; None if none does."""
    for finder in finders:
        sure = [c for c in finder(image) if c.score >= SURE_SCORE]
        if sure:
            shared = iou(np.array([c.box for c in sure]), box[None])[:, 0]
            if shared.max() >= _FOUND:
                return sure[int(shared.argmax())]
    return None


def landmark_error(found: Floats, truth: Floats) -> float:
    """Mean distance of (68, 2) landmarks, % of the distance between the outer eye corners."""
    return float(100 * np.linalg.norm(found - truth, axis=1).mean() / eye_distance(truth))


def _placements(face: Face, candidate: Candidate) -> dict[str, Placement]:
    """The placement that is drawn with, and each kind that the finder's answer allows."""
    kinds = {"placed": face.placement, "box": place_by_box(candidate.box)}
    if face.landmarks is not None:
        kinds["landmarks"] = place_by_landmarks(face.landmarks)
    if candidate.five_points is not None:
        kinds["five points"] = place_by_five_points(candidate.five_points)
    return kinds


def compare_masks(placements: dict[str, Placement], truth: Floats) -> dict[str, dict[str, Fit]]:
    """Every style's typical mask, worn rightly, under each placement; "hand" is the reference."""
    frame = frame_of(truth)
    fits: dict[str, dict[str, Fit]] = {kind: {} for kind in placements}
    for style, shape in SHAPES.items():
        reference = cover(shape, placements["hand"], frame)
        for kind, placement in placements.items():
            raster = cover(shape, placement, frame)
            edges = middle_edges(shape, placement)
            fits[kind][style] = _fit(raster, reference, edges, truth, frame)
    return fits


def _fit(raster: Bools, reference: Bools, edges: Floats, truth: Floats, frame: Frame) -> Fit:
    inside = covers(raster, frame(truth))
    nose = truth[_TIP] - truth[_BRIDGE]
    down = (truth[_CHIN] - truth[_BRIDGE]) / np.linalg.norm(truth[_CHIN] - truth[_BRIDGE])
    beyond = float((edges[1] - truth[_CHIN]) @ down / eye_distance(truth))
    return Fit(
        distance=outline_distance(raster, reference),
        iou=overlap(raster, reference),
        chin=bool(inside[_CHIN]),
        nose=bool(inside[_TIP] and inside[_NOSTRILS].all()),
        mouth=bool(inside[_MOUTH].all()),
        upper=float((edges[0] - truth[_BRIDGE]) @ nose / (nose @ nose)),
        beyond_chin=100 * beyond,
    )


def measure_folder(folder: Path, finders: Sequence[Finder]) -> Iterator[Result]:
    """A result for each picture that `keypoints68.csv` names.

    Raises:
        DatasetError: if no picture there has hand-made landmarks.
        AnnotationError: if `keypoints68.csv` is broken.
    """
    marked = 0
    for path in find_images([folder / "images"]):
        try:
            image = read_image(path)
        except ImageError as error:
            log.warning("%s; passed over", error)
            continue
        for candidate in labelled_candidates(path, image.shape[1], image.shape[0]):
            if candidate.landmarks is not None:
                marked += 1
                yield measure_face(image, path.name, candidate.landmarks, finders)
    if not marked:
        raise DatasetError(
            f"{folder}: expected images/ and keypoints68.csv that names its pictures, but no "
            "picture has 68 points; see python -m eval.landmarks --help"
        )


def error_table(results: Sequence[Result]) -> Table:
    """Share of faces found and given landmarks, and the landmark error, by yaw."""
    rows = [_error_row("all", results)]
    for low, high in YAWS:
        within = [r for r in results if low <= abs(r.yaw) < high]
        rows.append(_error_row(f"yaw {low} to {high}", within))
    header = ("faces", "number", "found", "with landmarks", "error: median", "mean", "95th")
    return Table(header, tuple(rows))


def _error_row(name: str, results: Sequence[Result]) -> tuple[str, ...]:
    count = len(results)
    if not count:
        return (name, "0", *"-----")
    errors = [r.error for r in results if r.error is not None]
    shares = [sum(r.found for r in results) / count, len(errors) / count]
    return (name, str(count), *(f"{s:.1%}" for s in shares), *_spread(errors))


def _spread(values: Sequence[float], digits: int = 1) -> tuple[str, str, str]:
    """Median, mean and 95th percentile as text, nan left out."""
    finite = np.array(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return ("-", "-", "-")
    numbers = (np.median(finite), finite.mean(), np.percentile(finite, 95))
    return tuple(f"{n:.{digits}f}" for n in numbers)  # type: ignore[return-value]


def fit_table(results: Sequence[Result]) -> Table:
    """Outlines by kind of placement, all styles, then by style as placed."""
    kinds = ("placed", "landmarks", "five points", "box")
    rows = [
        _fit_row(kind, [f for r in results for f in r.fits.get(kind, {}).values()], len(SHAPES))
        for kind in kinds
    ]
    for style in SHAPES:
        fits = [r.fits["placed"][style] for r in results if "placed" in r.fits]
        rows.append(_fit_row(f"placed: {style}", fits, 1))
    header = ("outline against hand-made", "faces", "distance: median", "mean", "95th", "IoU")
    return Table(header, tuple(rows))


def _fit_row(name: str, fits: Sequence[Fit], styles: int) -> tuple[str, ...]:
    if not fits:
        return (name, "0", *"----")
    ious = np.median([f.iou for f in fits])
    distances = _spread([f.distance for f in fits])
    return (name, str(len(fits) // styles), *distances, f"{ious:.3f}")


def reach_table(results: Sequence[Result]) -> Table:
    """What masks cover of the hand-made points, as placed, by style."""
    rows = []
    for style in SHAPES:
        fits = [r.fits["placed"][style] for r in results if "placed" in r.fits]
        if fits:
            covered = [np.mean([getattr(f, k) for f in fits]) for k in ("chin", "mouth", "nose")]
            middle = [np.median([getattr(f, k) for f in fits]) for k in ("upper", "beyond_chin")]
            shares = [f"{share:.1%}" for share in covered]
            rows.append((style, *shares, f"{middle[0]:.2f}", f"{middle[1]:+.1f}"))
    header = ("covered, as placed", "chin", "mouth", "nose", "upper edge", "beyond chin")
    return Table(header, tuple(rows))


def to_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Every figure of every face; distances of masks out of sight are null."""
    return [
        {
            **vars(r),
            "fits": {
                kind: {style: _fit_to_json(fit) for style, fit in by_style.items()}
                for kind, by_style in r.fits.items()
            },
        }
        for r in results
    ]


def _fit_to_json(fit: Fit) -> dict[str, Any]:
    return {k: v if np.isfinite(v) else None for k, v in vars(fit).items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m eval.landmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="holds images/ and keypoints68.csv")
    add("--faces", choices=("auto", "detector", "dlib"), default="auto", help="as synth's")
    add("--face-model", type=Path, metavar="ONNX", help="a YuNet model in the detector's place")
    add("--json", type=Path, metavar="FILE", help="write every figure of every face")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; 0 if it went well, 1 on an error."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    try:
        finders = make_finders(args.faces, args.face_model)
        results = list(measure_folder(args.folder, finders))
        if args.json:
            write_json(args.json, to_json(results))
    except (MaskwatchError, OSError) as error:
        log.critical("%s", error)
        return 1
    tables = (error_table(results), fit_table(results), reach_table(results))
    sys.stdout.write("\n\n".join(table_to_text(table) for table in tables) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
