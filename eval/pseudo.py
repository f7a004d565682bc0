"""Pseudo-labels: what a detector is sure of in unlabelled photos becomes its training set.

Self-training (Xie et al. 2020, "Self-training with Noisy Student improves ImageNet
classification", CVPR; Radosavovic et al. 2018, "Data distillation", CVPR, for the views). What
it is unsure of would teach errors as a label and silence as background, so it is covered in grey,
or becomes a label that counts as far as it is believed (`Rules.soft`).

No label of the source is ever read here: `labels/` beside `images/`, annotation files and caches of
faces make no difference. `eval.relabel` is for sets whose labels are wanted.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data.boxes import Boxes, Floats, Ints, iou
from data.convert import unique_stems
from data.dataset import write_yaml
from data.exceptions import AnnotationError, ImageError, NoFacesError, UsageError
from data.files import atomic_folder
from data.images import IMAGE_SUFFIXES, Image
from data.labels import CLASS_NAMES, Label
from data.manifest import FaceRecord, PictureRecord, write_manifest
from data.splits import identity_to_split
from data.writer import require_new, write_sample
from detector.ensemble import Fused, detect_views, fuse
from detector.letterbox import PAD_VALUE
from detector.predict import read_ahead
from detector.runtime import Detector
from eval.matching import Bools
from synth.scene import MIN_FACE_HEIGHT

# Detectors, with the sizes in px of the inputs that each looks at. What detectors that were trained
# apart agree on is more often right than what one of them says twice.
Panel = Sequence[tuple[Detector, Sequence[int]]]

STATE = "pseudo"  # in the manifest, where generated faces say how the mask is worn

# Lowest score of a box in one view: votes below hardly move the mean over all views.
_CONF = 0.05
# Fused boxes that overlap by more are two opinions on one face (as detector.decode's default).
_ECHO_IOU = 0.5
AHEAD = 8  # pictures read while the model runs
_MARGIN = 0.1  # of a covered box, on each side: boxes end below the hair


@dataclass(frozen=True)
class Rules:
    """When a fused box is a label.

    Attributes:
        sure: lowest score of a label.
        doubt: lowest score of what is covered; below, it counts as background. 0.15 is what
            one certain view of six gives.
        agreement: lowest share of a label's class in the scores of its views.
        val: share of pictures for validation.
        sure_incorrect: lowest score of an `incorrect` label; None as `sure`. Detectors score
            their rare class lower: at one threshold it gets fewer labels than its share.
        soft: whether what is doubtful becomes a label, too, believed in part: what several views
            know of it is more than silence (soft targets: Hinton et al. 2015).

    Raises:
        UsageError: at birth, if these make no sense.
    """

    sure: float = 0.6
    doubt: float = 0.15
    agreement: float = 0.8
    val: float = 0.05
    sure_incorrect: float | None = None
    soft: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.doubt <= self.sure <= 1:
            raise UsageError(
                "expected 0 < --doubt <= --sure <= 1, "
                f"but got --doubt {self.doubt} and --sure {self.sure}"
            )
        if self.sure_incorrect is not None and not self.doubt <= self.sure_incorrect <= 1:
            raise UsageError(
                "expected --doubt <= --sure-incorrect <= 1, "
                f"but got --doubt {self.doubt} and --sure-incorrect {self.sure_incorrect}"
            )
        if not 0 <= self.agreement <= 1:
            raise UsageError(f"expected an agreement from 0 to 1, but got {self.agreement}")
        if not 0 <= self.val < 1:
            raise UsageError(f"expected --val from 0 to below 1, but got {self.val}")

    def lowest(self, class_ids: Ints) -> Floats:
        """(N,) lowest score of a label of each of (N,) classes."""
        rare = self.sure if self.sure_incorrect is None else self.sure_incorrect
        return np.where(class_ids == Label.INCORRECT, rare, self.sure)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What becomes of the faces of one picture: N labels, how far each is believed, (N,) above 0
    to 1, and (M, 4) boxes to cover."""

    labels: Boxes
    confidence: Floats
    doubtful: Floats

    @property
    def left_out(self) -> str:
        """Why the picture is left out, or "" if it is kept."""
        if len(self.doubtful) > len(self.labels):
            return "mostly doubtful"
        return "" if len(self.labels) else "without a face"


@dataclass
class Labelling:
    """What came of it: pictures written, pictures left out by reason, faces covered, faults."""

    records: list[PictureRecord] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    covered: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def boxes(self) -> Counter[str]:
        """Labels by class name."""
        return Counter(face.label for record in self.records for face in record.boxes)


def judge(fused: Fused, rules: Rules) -> Verdict:
    """Which fused boxes are labels, which are covered; those that echo a better one and those
    below `rules.doubt` are neither.

    A soft label is believed by the share that its score, and its views' agreement, have of what
    makes it sure: there is no step from doubtful to sure.
    """
    boxes = fused.boxes
    standing = are_standing(boxes)
    believed = np.minimum(boxes.scores / rules.lowest(boxes.class_ids), 1)
    if rules.agreement > 0:
        believed *= np.minimum(fused.agreement / rules.agreement, 1)
    large = boxes.heights >= MIN_FACE_HEIGHT
    some = standing & (boxes.scores >= rules.doubt)
    taken = some & large & (rules.soft | (believed == 1))
    return Verdict(boxes.select(taken), believed[taken], boxes.xyxy[some & ~taken])


def are_standing(boxes: Boxes) -> Bools:
    """(N,) whether each of N fused boxes, best first, is no second opinion on a better one."""
    overlaps = np.tril(iou(boxes.xyxy, boxes.xyxy), -1)  # with better ones: best come first
    standing = np.ones(len(boxes), dtype=np.bool_)
    for index in range(len(boxes)):
        standing[index] = not (overlaps[index, standing] > _ECHO_IOU).any()
    return standing


def label_pictures(
    pictures: Sequence[tuple[Path, str]],
    out: Path,
    panel: Panel,
    *,
    rules: Rules,
    progress: Callable[[str, int, int], None],
) -> Labelling:
    """Write a YOLO data set of what detectors are sure of; `out` appears whole or not at all.

    Pictures in which nothing was doubtful are copied byte for byte. Those with more doubtful than
    sure faces, or with none, are left out; those that can't be read are faults.

    Args:
        pictures: each file and its name for the manifest.
        out: the set's folder; must not exist, or be empty.
        panel: who finds the faces; every size is a plain and a mirrored view, and all views count
            the same.
        rules: what is sure, and how many pictures go to `val`.
        progress: told what is done and how much of how many.

    Raises:
        DatasetError: if `out` is in the way.
        NoFacesError: if no picture would be in the set.
        WeightsError: if the model fails.
        OSError: if the file system refuses.
    """

    def look(_: Path, image: Image) -> Verdict:
        return judge(look_at(panel, image), rules)

    return write_labelled(pictures, out, look, rules.val, progress)


def look_at(panel: Panel, image: Image) -> Fused:
    """What all views of (H, W, 3) uint8 BGR say together; raises as Detector.detect."""
    each = [detect_views(detector, image, sizes, _CONF) for detector, sizes in panel]
    return fuse([view for views in each for view in views])


def write_labelled(
    pictures: Sequence[tuple[Path, str]],
    out: Path,
    look: Callable[[Path, Image], Verdict],
    val: float,
    progress: Callable[[str, int, int], None],
) -> Labelling:
    """Write the pictures with what `look` says of each file and its pixels; arguments and errors
    are those of label_pictures. An AnnotationError of `look` is a fault of its picture.
    """
    require_new(out)
    result = Labelling()
    paths = [path for path, _ in pictures]
    jobs = zip(pictures, unique_stems(paths), read_ahead(paths, AHEAD), strict=True)
    with atomic_folder(out) as folder:
        progress("pictures", 0, len(pictures))
        for done, ((path, name), stem, (_, image)) in enumerate(jobs, start=1):
            try:
                if isinstance(image, ImageError):
                    raise image
                verdict = look(path, image)
            except (ImageError, AnnotationError) as error:
                result.faults.append(str(error))
            else:
                if verdict.left_out:
                    result.left_out[verdict.left_out] += 1
                else:
                    picture = _Picture(path, name, stem, image)
                    result.records.append(_write(folder, picture, verdict, val))
                    result.covered += len(verdict.doubtful)
            progress("pictures", done, len(pictures))
        _check_some(result, len(pictures))
        write_yaml(folder)
        write_manifest(folder, result.records)
    return result


@dataclass(frozen=True, eq=False)
class _Picture:
    """A picture's file, its name for the manifest, the stem it gets, and its pixels, upright."""

    path: Path
    name: str
    stem: str
    image: Image


def _write(folder: Path, picture: _Picture, verdict: Verdict, val: float) -> PictureRecord:
    """Write one picture with its labels; its line of the manifest."""
    content = picture.path.read_bytes()
    fingerprint = hashlib.sha256(content).hexdigest()
    identity = fingerprint[:16]
    split = identity_to_split(identity, val, 0)
    suffix = picture.path.suffix.lower()
    known = suffix in IMAGE_SUFFIXES
    # Bytes under a suffix that no reader takes for a picture's would be lost.
    keep = known and not len(verdict.doubtful)
    shown = content if keep else cover(picture.image, verdict)
    height, width = picture.image.shape[:2]
    name = picture.stem + (suffix if known else ".jpg")
    sample = write_sample(folder, split, name, shown, verdict.labels, size=(width, height))
    return PictureRecord(
        file=sample.image.relative_to(folder).as_posix(),
        width=width,
        height=height,
        split=split,
        source=picture.name,
        source_digest=fingerprint,
        identity=identity,
        seed=0,
        boxes=_to_records(verdict),
    )


def cover(image: Image, verdict: Verdict) -> Image:
    """The picture with grey over its doubtful boxes and a margin, but not over labelled ones.

    The network knows the grey that pictures are padded with as nothing. A blurred head on shoulders
    would be taught as background, and looks like the faces of a crowd out of focus.
    """
    height, width = image.shape[:2]
    hidden = np.zeros((height, width), dtype=bool)
    for boxes, hide in ((_widen(verdict.doubtful), True), (verdict.labels.xyxy, False)):
        for x1, y1, x2, y2 in np.clip(boxes.round(), 0, [width, height] * 2).astype(int):
            hidden[y1:y2, x1:x2] = hide
    return np.where(hidden[..., None], np.uint8(PAD_VALUE), image)


def _widen(boxes: Floats) -> Floats:
    margin = (boxes[:, 2:] - boxes[:, :2]) * _MARGIN
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)


def _to_records(verdict: Verdict) -> list[FaceRecord]:
    """Manifest entries of faces of which class, box and size are believed."""
    boxes = verdict.labels
    return [
        FaceRecord(
            label=CLASS_NAMES[label],
            box=[round(float(v), 3) for v in xyxy],
            state=STATE,
            face_height=round(float(xyxy[3] - xyxy[1]), 3),
            confidence=max(round(float(believed), 3), 0.001),
        )
        for label, xyxy, believed in zip(
            boxes.class_ids, boxes.xyxy, verdict.confidence, strict=True
        )
    ]


def _check_some(result: Labelling, count: int) -> None:
    if result.records:
        return
    reasons = [f"{n} {reason}" for reason, n in sorted(result.left_out.items())]
    if result.faults:
        reasons.append(f"{len(result.faults)} unreadable, the first: {result.faults[0]}")
    raise NoFacesError(
        f"expected sure faces in {count} pictures, but got {', '.join(reasons)}; "
        "use better --weights, or a lower --sure"
    )
