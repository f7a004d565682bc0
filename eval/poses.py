"""How far heads are turned in photographs, masked or bare.

    python -m eval.poses SOURCE [SOURCE ...] --face-model YUNET.onnx

Sources are pictures and folders. Faces and their poses are those of a YuNet file's five points
(Wu et al. 2023): rough, but by the same measure for every source.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from data.boxes import Floats
from data.exceptions import ImageError, MaskwatchError, NoFacesError
from data.images import find_images, read_image
from eval.report import Table, table_to_text
from synth.face_model import place_by_five_points
from synth.faces import SURE_SCORE, Finder, yunet_finder

BANDS = (0.0, 15.0, 30.0, 45.0, 60.0)  # degrees of yaw from which on a column counts
_LEAST = 16.0  # px of height; five points of smaller faces say little


def measure_yaws(paths: Iterable[Path], finder: Finder) -> tuple[Floats, int]:
    """How far each face is turned to either side, degrees, and how many pictures can't be read."""
    yaws, broken = [], 0
    for path in paths:
        try:
            image = read_image(path)
        except ImageError:
            broken += 1
            continue
        for face in finder(image):
            sure = face.score >= SURE_SCORE and face.five_points is not None
            if sure and face.box[3] - face.box[1] >= _LEAST:
                yaws.append(_points_to_yaw(face.five_points))
    return np.array(yaws), broken


def _points_to_yaw(points: Floats | None) -> float:
    """Degrees; a quarter turn where the points lie on a line, as profiles' do."""
    try:
        return 90.0 if points is None else abs(place_by_five_points(points).angles[0])
    except NoFacesError:
        return 90.0


def to_table(yaws: Floats) -> Table:
    """Number and share of the faces in each band."""
    band = np.searchsorted(BANDS, yaws, side="right") - 1
    ends = [*(f"{b:.0f}°" for b in BANDS[1:]), "more"]
    rows = []
    for index, (start, end) in enumerate(zip(BANDS, ends, strict=True)):
        count = int((band == index).sum())
        share = f"{count / len(yaws):.3f}" if len(yaws) else "-"
        rows.append(
            (
                f"{start:.0f} to {end}" if end != "more" else f"{start:.0f}° and more",
                str(count),
                share,
            )
        )
    return Table(("yaw", "faces", "share"), tuple(rows))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m eval.poses",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("sources", nargs="+", type=Path, metavar="SOURCE")
    add("--face-model", type=Path, required=True, metavar="ONNX", help="a YuNet file")
    args = parser.parse_args()
    try:
        finder = yunet_finder(args.face_model)
        yaws, broken = measure_yaws(find_images(args.sources), finder)
    except MaskwatchError as error:
        sys.stderr.write(f"poses: {error}\n")
        return 1
    sys.stdout.write(f"{len(yaws)} faces, {broken} unreadable pictures\n")
    sys.stdout.write(f"{table_to_text(to_table(yaws))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
