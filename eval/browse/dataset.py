"""The FiftyOne data set of a folder: made once, brought up to date in place ever after.

Whatever a process was killed in the middle of is done again at the next start: what is finished
is noted last, on each sample and in `dataset.info["maskwatch"]`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from data.boxes import Boxes, iou
from data.exceptions import BrowseError
from data.labels import CLASS_NAMES
from eval.browse.evaluation import IOU, Run, finish_run, mark_mistaken, start_run
from eval.browse.material import Picture
from eval.browse.models import Model
from eval.browse.samples import (
    TRUTH,
    found_to_labels,
    picture_digest,
    sample_digest,
    to_pixels,
    truth_digest,
    truth_to_labels,
)

# Of the fields below. A data set of a lower number is made anew, its tags kept.
SCHEMA = 1
INFO = "maskwatch"
CHUNK = 500  # samples in memory at once
# Of the truth, then of the models (Okabe & Ito 2008, safe for colour-blind readers).
COLOURS = ("#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#e69f00", "#0072b2")


@dataclass
class Update:
    """What an update did: the evaluations that ran, numbers of samples by what was done, notes."""

    runs: list[Run] = field(default_factory=list)
    added: int = 0
    removed: int = 0
    changed: int = 0
    notes: list[str] = field(default_factory=list)


def dataset_name(root: Path, split: str | None) -> str:
    """The name of a folder's data set: the folder's, the split's, and a digest of its path.

    >>> dataset_name(Path("/photos/mine"), "val")
    'mine-val-f25e7c'
    """
    path = root.absolute().resolve()
    short = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:6]
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", path.name).strip("-.") or "set"
    return "-".join([plain[:60], *([split] if split else []), short])


def open_dataset(fo: Any, name: str, root: Path) -> tuple[Any, str]:
    """The data set of that name, new if there is none, and what to tell of it.

    Raises:
        BrowseError: if the name is taken by something else, or by a newer version of ours.
    """
    if not fo.dataset_exists(name):
        return _create(fo, name, root, {}), ""
    dataset = fo.load_dataset(name)
    info = dataset.info.get(INFO)
    if not isinstance(info, dict):
        raise BrowseError(
            f"expected {name!r} to be a data set that maskwatch made, but FiftyOne has another "
            "of that name; choose a new --name"
        )
    if info.get("root") != str(root.absolute().resolve()):
        raise BrowseError(
            f"expected {name!r} to be of {root}, but it is of {info.get('root')}; "
            "choose a new --name"
        )
    schema = info.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise BrowseError(
            f"expected {name!r} of version {SCHEMA}, but a newer maskwatch made it (version "
            f"{schema}); update maskwatch, or choose a new --name"
        )
    if schema == SCHEMA:
        return dataset, ""
    kept = _free_name(fo, f"{name}-version-{schema}")
    tags = {p: t for p, t in zip(*dataset.values(["filepath", "tags"]), strict=True) if t}
    dataset.name = kept
    note = (
        f"{name}: an older maskwatch made this data set (version {schema}): made again with the "
        f"tags of {len(tags)} pictures; the old one is kept as {kept}"
    )
    return _create(fo, name, root, tags), note


def _free_name(fo: Any, wanted: str) -> str:
    name, number = wanted, 1
    while fo.dataset_exists(name):
        number += 1
        name = f"{wanted}-{number}"
    return name


def _create(fo: Any, name: str, root: Path, tags: Mapping[str, Sequence[str]]) -> Any:
    """An empty data set with our fields; `tags` by file wait for their samples."""
    dataset = fo.Dataset(name, persistent=True)
    dataset.info[INFO] = {
        "schema": SCHEMA,
        "root": str(root.absolute().resolve()),
        "finished": False,
        "models": {},
        "views": [],
        "tags": [[path, list(of)] for path, of in tags.items()],
    }
    dataset.default_classes = list(CLASS_NAMES)
    for path in ("split", "version", "imported", "evaluated"):
        dataset.add_sample_field(path, fo.StringField)
    dataset.add_sample_field("mistakenness", fo.FloatField)
    _add_labels(fo, dataset, TRUTH)
    for path in ("face_height", "mistakenness", "yaw", "pitch", "roll"):
        dataset.add_sample_field(f"{TRUTH}.detections.{path}", fo.FloatField)
    for path in ("style", "texture", "state"):
        dataset.add_sample_field(f"{TRUTH}.detections.{path}", fo.StringField)
    occluders = f"{TRUTH}.detections.occluders"
    dataset.add_sample_field(occluders, fo.ListField, subfield=fo.StringField)
    dataset.set_label_schemas({TRUTH: _annotation_schema()})
    dataset.activate_label_schemas(TRUTH)
    dataset.save()
    return dataset


def _add_labels(fo: Any, dataset: Any, name: str) -> None:
    if not dataset.has_field(name):
        kind = fo.EmbeddedDocumentField
        dataset.add_sample_field(name, kind, embedded_doc_type=fo.Detections)


def _annotation_schema() -> dict[str, Any]:
    """What the App's Annotate tab offers for a true box: its place, and one of our classes."""
    return {
        "type": "detections",
        "component": "radio",
        "classes": list(CLASS_NAMES),
        "attributes": [],
    }


def update_dataset(
    fo: Any, dataset: Any, pictures: Sequence[Picture], models: Sequence[Model]
) -> Update:
    """Bring a data set up to date with the folder and the models; tags and edits made in the App
    stay. Fields of models that aren't named stay, too, and are evaluated again with the others.
    """
    by_path = {str(picture.path): picture for picture in pictures}
    update = Update()
    info = dataset.info[INFO]
    known: dict[str, str] = info["models"]
    whole = bool(info["finished"])
    stale = {m.name: m for m in models if not whole or known.get(m.name) != m.digest}
    if whole and not stale and not _differs(dataset, by_path):
        return update
    _note(dataset, finished=False)
    for model in models:
        _add_labels(fo, dataset, model.name)
    names = list(dict.fromkeys([*(m.name for m in models), *known]))
    _colour(fo, dataset, names)
    _remove_gone(dataset, by_path, update)
    update.runs = [start_run(dataset, name) for name in names]
    worker = _Worker(fo, names, stale, update)
    for sample in dataset.iter_samples(autosave=True, progress=False):
        worker.refresh(sample, by_path.pop(sample.filepath))
    worker.stale = {model.name: model for model in models}
    _add_new(dataset, worker, list(by_path.values()))
    for run in update.runs:
        finish_run(dataset, run)
    digests = {model.name: model.digest for model in models}
    _note(dataset, finished=True, tags=[], models={**known, **digests})
    return update


def _note(dataset: Any, **values: Any) -> None:
    """Change our entry in the data set's `info`."""
    dataset.info[INFO] = {**dataset.info[INFO], **values}
    dataset.save()


def _differs(dataset: Any, by_path: Mapping[str, Picture]) -> bool:
    """Whether folder and data set differ, or a label was edited since the last evaluation."""
    labels = f"{TRUTH}.detections"
    fields = ["filepath", "version", "imported", "evaluated"]
    fields += [f"{labels}.label", f"{labels}.bounding_box"]
    rows = list(zip(*dataset.values(fields), strict=True))
    if {row[0] for row in rows} != set(by_path):
        return True
    for path, version, imported, evaluated, classes, boxes in rows:
        picture = by_path[path]
        if (version, imported) != (picture.version, picture_digest(picture)):
            return True
        if evaluated != truth_digest(classes or [], boxes or []):
            return True
    return False


def _remove_gone(dataset: Any, by_path: Mapping[str, Picture], update: Update) -> None:
    """Drop samples whose picture is no longer in the folder."""
    rows = zip(*dataset.values(["id", "filepath", "tags"]), strict=True)
    gone = [(key, tags) for key, path, tags in rows if path not in by_path]
    if gone:
        dataset.delete_samples([key for key, _ in gone])
        update.removed = len(gone)
        tagged = sum(bool(tags) for _, tags in gone)
        update.notes.append(
            f"{len(gone)} picture(s) aren't in the folder any more: dropped"
            + (f", {tagged} tagged one(s) among them" if tagged else "")
        )


def _add_new(dataset: Any, worker: "_Worker", pictures: Sequence[Picture]) -> None:
    """Add samples for pictures that have none, with the tags that wait for them."""
    waiting = dict(dataset.info[INFO]["tags"])
    for start in range(0, len(pictures), CHUNK):
        chunk = pictures[start : start + CHUNK]
        samples = [worker.create(p, waiting.get(str(p.path), [])) for p in chunk]
        dataset.add_samples(samples, progress=False)
        worker.update.added += len(samples)


@dataclass
class _Worker:
    """Fills and evaluates one sample after the other.

    Attributes:
        fo: the module fiftyone.
        names: every model's field.
        stale: models whose boxes are to be written.
        update: takes the notes; its runs evaluate.
    """

    fo: Any
    names: Sequence[str]
    stale: Mapping[str, Model]
    update: Update

    def create(self, picture: Picture, tags: Sequence[str]) -> Any:
        """A new sample."""
        sample = self.fo.Sample(filepath=str(picture.path), tags=list(tags), split=picture.split)
        sample[TRUTH] = truth_to_labels(self.fo, picture)
        sample["imported"] = picture_digest(picture)
        self._complete(sample, picture)
        return sample

    def refresh(self, sample: Any, picture: Picture) -> None:
        """Bring a sample up to date; labels edited in the App stand against the folder's."""
        now, wanted = sample_digest(sample), picture_digest(picture)
        moved = (sample["imported"], sample["version"]) != (wanted, picture.version)
        if moved and now == sample["imported"]:
            sample[TRUTH] = truth_to_labels(self.fo, picture)
            self.update.changed += 1
        elif sample["imported"] != wanted != now:
            self.update.notes.append(
                f"{picture.path}: edited in the App and on disk: the App's labels stay"
            )
        sample["imported"] = wanted
        self._complete(sample, picture)

    def _complete(self, sample: Any, picture: Picture) -> None:
        """Size, found boxes, evaluation, and what it was evaluated with."""
        width, height = picture.width, picture.height
        sample["metadata"] = self.fo.ImageMetadata(width=width, height=height, num_channels=3)
        sample["version"] = picture.version
        for name in self.names:
            if name in self.stale:
                boxes = self.stale[name].found.get(picture.path, Boxes.empty())
                found = found_to_labels(self.fo, boxes, width, height)
                _keep_tags(sample, name, found)
                sample[name] = found
            elif sample[name] is None:
                sample[name] = self.fo.Detections()
        for label in sample[TRUTH].detections:
            label["face_height"] = label.bounding_box[3] * height
        for run in self.update.runs:
            run.evaluate(sample)
        mark_mistaken(sample, self.names)
        sample["evaluated"] = sample_digest(sample)


def _keep_tags(sample: Any, name: str, found: Any) -> None:
    """Give new boxes the tags of old ones that they cover: users tag boxes to fix labels."""
    old = sample[name].detections if sample.has_field(name) and sample[name] is not None else []
    tagged = [label for label in old if label.tags]
    if not tagged or not found.detections:
        return
    overlaps = iou(
        *(to_pixels([d.bounding_box for d in of], 1, 1) for of in (tagged, found.detections))
    )
    for label, row in zip(tagged, overlaps, strict=True):
        if row.max() >= IOU:
            found.detections[int(row.argmax())].tags = list(label.tags)


def _colour(fo: Any, dataset: Any, models: Sequence[str]) -> None:
    """What is true is green, what each model found has a colour of its own."""
    colours = dict(zip([TRUTH, *models], cycle(COLOURS), strict=False))
    fields = [{"path": path, "fieldColor": colour} for path, colour in colours.items()]
    dataset.app_config.color_scheme = fo.ColorScheme(color_by="field", fields=fields)
    dataset.save()
