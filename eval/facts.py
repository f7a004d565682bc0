"""What is known of each true face besides its box: attributes that results are sliced by.

From the manifest of a generated set: pose, mask style, wearing state, texture, colour, what is
before the face. From the picture itself: whether the box ends at the picture's border, and how
light the skin of a bare face came out.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from data.boxes import Boxes, Floats
from data.images import Image
from data.labels import Label
from data.manifest import FaceRecord
from eval.matching import Facts

POSE_EDGES = (15, 30, 45, 60)  # degrees of yaw, either side

# Skin is measured on bare faces of at least this height: smaller ones have too few clean pixels.
SKIN_MIN_HEIGHT = 24.0
# Bounds of the individual typology angle by Chardon, Cretois & Hourseau (1991, "Skin colour
# typology and suntanning pathways"), six groups taken together in three: very light and light,
# intermediate and tan, brown and dark.
SKIN_BOUNDS = (41.0, 10.0)
SKIN_GROUPS = ("light", "medium", "dark")

_BORDER = 1.0  # px: labels are rounded


def face_facts(
    image: Image, truth: Boxes, records: Sequence[FaceRecord | None] = ()
) -> tuple[Facts, ...]:
    """Facts of each of N true boxes.

    Args:
        image: (H, W, 3) uint8 BGR.
        truth: N true boxes, px.
        records: N manifest entries (None for a face that has none), or none at all.
    """
    height, width = image.shape[:2]
    known = records if records else [None] * len(truth)
    facts: list[Facts] = []
    for box, class_id, record in zip(truth.xyxy, truth.class_ids, known, strict=True):
        own: dict[str, tuple[str, ...]] = {"border": (name_border(box, width, height),)}
        if record is not None:
            own |= record_to_facts(record)
        if class_id == Label.WITHOUT_MASK and (group := skin_group(image, box)):
            own["skin"] = (group,)
        facts.append(own)
    return tuple(facts)


def name_border(box: Floats, width: int, height: int) -> str:
    """Whether a box (4,) px ends at the border of its picture: the face is likely cut there."""
    x1, y1, x2, y2 = box
    cut = min(x1, y1) < _BORDER or x2 > width - _BORDER or y2 > height - _BORDER
    return "at the border" if cut else "inside"


def record_to_facts(record: FaceRecord) -> Facts:
    """What the generator knows of a face; attributes that it says nothing of are left out."""
    facts: dict[str, tuple[str, ...]] = {}
    if record.yaw is not None:
        facts["pose"] = (name_pose(record.yaw),)
    for key, value in (("style", record.style), ("state", record.state)):
        if value:
            facts[key] = (value,)
    if record.texture:
        facts["texture"] = (record.texture,)
    if len(record.colour) == 3:
        facts["colour"] = (name_colour(*record.colour),)
    if record.state:  # a converted set, of which nothing is known, says none
        facts["occluders"] = tuple(sorted(set(record.occluders))) or ("nothing",)
    return facts


def name_pose(yaw: float) -> str:
    """Range of a head's turn in degrees, left and right alike.

    >>> name_pose(-20.0), name_pose(75.0)
    ('15 to 30°', '60° and more')
    """
    edges = (0, *POSE_EDGES)
    at = int(np.searchsorted(edges, abs(yaw), side="right")) - 1
    return f"{edges[at]} to {edges[at + 1]}°" if at + 1 < len(edges) else f"{edges[at]}° and more"


def name_colour(red: int, green: int, blue: int) -> str:
    """A fabric's colour, 0 to 255 each, in a word: masks are mostly white, blue or black.

    >>> name_colour(250, 250, 245), name_colour(30, 28, 30), name_colour(150, 200, 235)
    ('white', 'black', 'blue')
    """
    high, low = max(red, green, blue), min(red, green, blue)
    if high < 70:
        return "black"
    if high - low < 0.18 * high:
        return "white" if low > 190 else "grey"
    return "blue" if blue == high and blue - red > 0.15 * high else "other"


def skin_group(image: Image, box: Floats) -> str | None:
    """Group of SKIN_GROUPS of a bare face, None where it is too small to be measured.

    Args:
        image: (H, W, 3) uint8 BGR.
        box: (4,) px of a face without a mask.
    """
    if box[3] - box[1] < SKIN_MIN_HEIGHT:
        return None
    angle = typology_angle(image, box)
    if angle is None:
        return None
    return SKIN_GROUPS[int(np.searchsorted(-np.array(SKIN_BOUNDS), -angle))]


def typology_angle(image: Image, box: Floats) -> float | None:
    """Individual typology angle, degrees, of a face's inner region: arctan((L* - 50) / b*).

    The region is the middle half of the width from 35 % to 75 % of the height: nose and cheeks.
    Its median tells how light the skin *came out in this picture*: light, white balance and
    exposure move it as much as the skin does, and things held before the face are measured, too.
    It shows whether a detector does worse on faces that look dark, and says nothing of anyone.
    """
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    columns = slice(max(round(x1 + 0.25 * width), 0), max(round(x1 + 0.75 * width), 0))
    rows = slice(max(round(y1 + 0.35 * height), 0), max(round(y1 + 0.75 * height), 0))
    region = image[rows, columns]
    if region.size == 0:
        return None
    lab = cv2.cvtColor(region.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    light, _, yellow = np.median(lab.reshape(-1, 3), axis=0).tolist()
    # Grey pictures have b* of 0: arctan2 then tells light from dark alone.
    return float(np.degrees(np.arctan2(light - 50, max(yellow, 1e-6))))
