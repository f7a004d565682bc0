"""What was tagged or fixed in the App, written as a YOLO set of ours."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from data.boxes import Boxes, clip_xyxy
from data.convert import DEFAULT_VAL, unique_stems
from data.dataset import SPLITS, write_yaml
from data.exceptions import AnnotationError, BrowseError
from data.files import atomic_folder
from data.labels import CLASS_NAMES, name_to_id
from data.manifest import FaceRecord, PictureRecord, read_manifest, write_manifest
from data.splits import identity_to_split, stem_to_identity
from data.writer import require_new, write_sample
from eval.browse.dataset import INFO, SCHEMA
from eval.browse.material import Material, Picture
from eval.browse.samples import TRUTH, picture_digest, sample_digest, to_pixels
from eval.browse.verdicts import TaggedBox, apply_verdicts, to_boxes
from eval.sets import match_faces, normal_path

# A box thinner than this was a slip of the hand.
_THINNEST_PX = 1.0


@dataclass
class Export:
    """What was written: a record for each picture, how many have other labels than the set has,
    and whether they were divided anew into training and validation."""

    records: list[PictureRecord] = field(default_factory=list)
    corrected: int = 0
    divided: bool = False


@dataclass(frozen=True, eq=False)
class _Chosen:
    """A picture to write: its boxes, who is on it, its file's bytes, its side."""

    picture: Picture
    boxes: Boxes
    identity: str
    content: bytes
    split: str


def our_datasets(fo: Any, root: Path, name: str | None) -> list[Any]:
    """FiftyOne's data sets of a folder that this version made; the one called `name` alone, where
    one is asked for.

    Raises:
        BrowseError: if there is none.
    """
    found = []
    for each in [name] if name is not None else fo.list_datasets():
        if not fo.dataset_exists(each):
            continue
        dataset = fo.load_dataset(each)
        info = dataset.info.get(INFO)
        if not isinstance(info, dict) or info.get("schema") != SCHEMA:
            continue
        if name is not None or info.get("root") == str(root.absolute().resolve()):
            found.append(dataset)
    if not found:
        what = repr(name) if name is not None else f"a data set of {root}"
        raise BrowseError(
            f"expected {what} in FiftyOne, but there is none; first run: maskwatch browse {root}"
        )
    return found


def collect_fixes(
    datasets: Sequence[Any], material: Material, tag: str | None
) -> dict[Path, Boxes]:
    """The corrected boxes, in pixels, of every picture that the user tagged or fixed.

    Args:
        datasets: of FiftyOne.
        material: every picture of the folder.
        tag: only pictures that have it, or a box with it.

    Raises:
        AnnotationError: naming the picture, if a box has a class that isn't ours.
    """
    by_path = {str(picture.path): picture for picture in material.pictures}
    fixes: dict[Path, Boxes] = {}
    for dataset in datasets:
        models = list(dataset.info[INFO]["models"])
        for sample in dataset.iter_samples(progress=False):
            picture = by_path.get(sample.filepath)
            if picture is not None and is_touched(sample, models, tag):
                fixes[picture.path] = _corrected(sample, models, picture)
    return fixes


def is_touched(sample: Any, models: Sequence[str], tag: str | None) -> bool:
    """Whether a sample or one of its boxes has that tag; where none is asked for, whether it has
    any, or its labels were edited."""
    tags = set(sample.tags or ())
    for name in (TRUTH, *models):
        for label in sample[name].detections if sample[name] is not None else ():
            tags.update(label.tags or ())
    if tag is not None:
        return tag in tags
    return bool(tags) or sample_digest(sample) != sample["imported"]


def _corrected(sample: Any, models: Sequence[str], picture: Picture) -> Boxes:
    try:
        truth = _tagged(sample[TRUTH], picture)
        found = [box for model in models for box in _tagged(sample[model], picture)]
    except AnnotationError as error:
        raise AnnotationError(f"{picture.path}: {error}") from error
    return to_boxes(apply_verdicts(truth, found))


def _tagged(labels: Any, picture: Picture) -> list[TaggedBox]:
    """FiftyOne's labels as boxes inside the picture, px."""
    boxes = []
    width, height = picture.width, picture.height
    for label in labels.detections if labels is not None else ():
        box = clip_xyxy(to_pixels([label.bounding_box], width, height)[0], width, height)
        if min(box[2] - box[0], box[3] - box[1]) >= _THINNEST_PX:
            x1, y1, x2, y2 = box.tolist()
            score = 1.0 if label.confidence is None else float(label.confidence)
            tags = tuple(label.tags or ())
            boxes.append(TaggedBox((x1, y1, x2, y2), name_to_id(label.label), tags, score))
    return boxes


def export(
    out: Path, root: Path, material: Material, fixes: Mapping[Path, Boxes], *, whole: bool
) -> Export:
    """Write the pictures of `fixes`, or the whole set, with corrected labels; `out` appears whole
    or not at all. Picture files are copied byte for byte.

    Pictures keep their side. Where one side would be empty, or the set has no sides, they are
    divided anew by person, because training needs both.

    Raises:
        BrowseError: if there is nothing to write.
        DatasetError: if `out` is in the way, or the manifest is broken.
        OSError: if the file system refuses.
    """
    require_new(out)
    pictures = [p for p in material.pictures if whole or p.path in fixes]
    if not pictures:
        raise BrowseError(
            f"{root}: expected pictures that were tagged or fixed in the App, but there are none; "
            "tag some, or write the set as it is with --whole"
        )
    records = {normal_path(root / r.file): r for r in read_manifest(root)}
    chosen, divided = _divide(list(_choose(pictures, fixes, records)))
    result = Export(divided=divided)
    stems = unique_stems(each.picture.path for each in chosen)
    with atomic_folder(out) as folder:
        for each, stem in zip(chosen, stems, strict=True):
            result.records.append(_write(folder, each, stem))
            result.corrected += _differs(each)
        write_yaml(folder)
        write_manifest(folder, result.records)
    return result


def _choose(
    pictures: Sequence[Picture],
    fixes: Mapping[Path, Boxes],
    records: Mapping[Path, PictureRecord],
) -> Iterator[_Chosen]:
    for picture in pictures:
        content = picture.path.read_bytes()
        record = records.get(picture.path)
        fingerprint = hashlib.sha256(content).hexdigest()
        identity = record.identity if record else stem_to_identity(picture.path.stem, fingerprint)
        boxes = fixes.get(picture.path, picture.truth)
        yield _Chosen(picture, boxes, identity, content, picture.split)


def _divide(chosen: Sequence[_Chosen]) -> tuple[list[_Chosen], bool]:
    """Pictures with their sides, and whether those are new."""
    if {each.split for each in chosen} == set(SPLITS):
        return list(chosen), False
    sides = {each.identity: identity_to_split(each.identity, DEFAULT_VAL, 0) for each in chosen}
    if len(sides) > 1 and len(set(sides.values())) == 1:
        first = min(sides)
        sides[first] = "train" if sides[first] == "val" else "val"
    return [replace(each, split=sides[each.identity]) for each in chosen], True


def _write(folder: Path, each: _Chosen, stem: str) -> PictureRecord:
    picture = each.picture
    size = (picture.width, picture.height)
    name = stem + picture.path.suffix.lower()
    sample = write_sample(folder, each.split, name, each.content, each.boxes, size=size)
    return PictureRecord(
        file=sample.image.relative_to(folder).as_posix(),
        width=picture.width,
        height=picture.height,
        split=each.split,
        source=picture.path.name.encode("utf-8", "replace").decode(),
        source_digest=hashlib.sha256(each.content).hexdigest(),
        identity=each.identity,
        seed=0,
        boxes=_to_records(each.boxes, picture),
    )


def _to_records(boxes: Boxes, picture: Picture) -> list[FaceRecord]:
    """Manifest entries: what was known of a face stays where its class does."""
    known = match_faces(boxes, [face for face in picture.faces if face is not None])
    records = []
    for label, xyxy, face in zip(boxes.class_ids, boxes.xyxy, known, strict=True):
        name = CLASS_NAMES[label]
        kept = face if face is not None and face.label == name else FaceRecord(name, [], state="")
        box = [round(float(v), 3) for v in xyxy]
        records.append(replace(kept, box=box, face_height=round(box[3] - box[1], 3)))
    return records


def _differs(each: _Chosen) -> bool:
    return picture_digest(each.picture) != picture_digest(replace(each.picture, truth=each.boxes))
