"""Saved views: a model's mistakes by kind, by what is known of the face, worst pictures first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from data.check import SIZE_CLASSES, SIZES, size_class
from eval.browse.dataset import INFO
from eval.browse.evaluation import eval_key
from eval.browse.samples import TRUTH

# A hit below this score is one that a slightly harder picture would have missed.
LOW_CONFIDENCE = 0.5
# A label is doubted where the models that contradict it are this sure: (1 + score) / 2.
MISTAKEN = 0.75
TURNED = 30.0  # degrees of yaw from which on a face counts as turned aside
# Slices of what the manifest knows that are saved for each model, worst first.
MAX_FACTS = 12


def mistakes_name(model: str) -> str:
    """The name of the view that the App opens at: every mistake of a model as a patch."""
    return f"{model}: all mistakes"


@dataclass(frozen=True)
class SavedView:
    """A view to save: its name in the App, what it is, and FiftyOne's view."""

    name: str
    description: str
    view: Any


@dataclass(frozen=True)
class Slice:
    """Faces of one kind: name, how many there are, how many of them were missed or confused."""

    name: str
    faces: int
    wrong: int

    @property
    def share(self) -> float:
        """Share of them that were missed or confused."""
        return self.wrong / self.faces


def save_views(dataset: Any, models: Sequence[str]) -> None:
    """Save every view of every model in the place of those of the last start; others' stay."""
    for name in dataset.info[INFO]["views"]:
        if dataset.has_saved_view(name):
            dataset.delete_saved_view(name)
    saved = []
    for model in models:
        for view in views_of(dataset, model):
            if not dataset.has_saved_view(view.name):
                dataset.save_view(view.name, view.view, description=view.description)
                saved.append(view.name)
    dataset.info[INFO] = {**dataset.info[INFO], "views": saved}
    dataset.save()


def views_of(dataset: Any, model: str) -> Iterator[SavedView]:
    """Every view of one model; the first is of all its mistakes."""
    # FiftyOne cuts the patches out at once: one time for all views.
    patches = dataset.to_evaluation_patches(eval_key(model))
    yield from _kinds(patches, model)
    yield _pictures(dataset, model)
    yield from _sizes(dataset, patches, model)
    yield from _facts(dataset, patches, model)


def _kinds(patches: Any, model: str) -> Iterator[SavedView]:
    """By kind; a confusion is one patch with the true and the found box."""
    from fiftyone import ViewField

    kind, found = ViewField("type"), ViewField(f"{model}.detections")
    score = found.map(ViewField("confidence")).max()
    height = ViewField(f"{TRUTH}.detections").map(ViewField("face_height")).max()
    doubt = ViewField(f"{TRUTH}.detections").map(ViewField("mistakenness")).max()
    matched = found.length() > 0
    confused = patches.match((kind == "fn") & matched)
    yield SavedView(
        mistakes_name(model),
        "confusions, false alarms, missed faces",
        patches.match(kind != "tp"),
    )
    yield SavedView(
        f"{model}: class confusions",
        "found, but called another class; surest first",
        confused.sort_by(score, reverse=True),
    )
    yield SavedView(
        f"{model}: false alarms",
        "found where no face is labelled; surest first: the first may be faces without a label",
        patches.match(kind == "fp").sort_by(score, reverse=True),
    )
    yield SavedView(
        f"{model}: missed faces",
        "labelled, but not found; largest first",
        patches.match((kind == "fn") & ~matched).sort_by(height, reverse=True),
    )
    yield SavedView(
        f"{model}: low-confidence hits",
        f"right, with a score below {LOW_CONFIDENCE:g}; least sure first",
        patches.match((kind == "tp") & (score < LOW_CONFIDENCE)).sort_by(score),
    )
    yield SavedView(
        f"{model}: likely label errors",
        "the label contradicts what sure models say; by mistakenness",
        confused.match(doubt >= MISTAKEN).sort_by(doubt, reverse=True),
    )


def _pictures(dataset: Any, model: str) -> SavedView:
    from fiftyone import ViewField

    key = eval_key(model)
    wrong = ViewField(f"{key}_fp") + ViewField(f"{key}_fn")
    return SavedView(
        f"{model}: worst pictures first",
        "whole pictures, by the number of mistakes",
        dataset.match(wrong > 0).sort_by(wrong, reverse=True),
    )


def _sizes(dataset: Any, patches: Any, model: str) -> Iterator[SavedView]:
    from fiftyone import ViewField

    heights, states = dataset.values(
        [f"{TRUTH}.detections.face_height", f"{TRUTH}.detections.{eval_key(model)}"], unwind=True
    )
    slices = count_slices(
        [[size_class(h)] for h in heights if h is not None],
        [s == "fn" for h, s in zip(heights, states, strict=True) if h is not None],
    )
    height = ViewField("face_height")
    borders = (0, *SIZES, 1_000_000)
    for name, low, high in zip(SIZE_CLASSES, borders, borders[1:], strict=False):
        if name in slices and slices[name].wrong:
            words = _size_in_words(low, high)
            yield _slice_view(
                patches, model, f"faces {words}", slices[name], (height >= low) & (height < high)
            )


def _size_in_words(low: int, high: int) -> str:
    if not low:
        return f"under {high} px"
    return f"{low} px and more" if high > SIZES[-1] else f"{low} to {high} px"


def _facts(dataset: Any, patches: Any, model: str) -> Iterator[SavedView]:
    """By what the manifest says of each face; the slices with the largest share of mistakes."""
    from fiftyone import ViewField

    names = ("state", "style", "occluders", "yaw", eval_key(model))
    columns = dataset.values([f"{TRUTH}.detections.{name}" for name in names], unwind=False)
    rows = [face for sample in zip(*columns, strict=True) for face in zip(*sample, strict=True)]
    slices = count_slices([facts_of(*row[:4]) for row in rows], [row[4] == "fn" for row in rows])
    worst = sorted((s for s in slices.values() if s.wrong), key=lambda s: (-s.share, s.name))
    for each in worst[:MAX_FACTS]:
        fact, _, value = each.name.partition(" ")
        test = {
            "occluder": ViewField("occluders").contains([value]),
            "turned": ViewField("yaw").abs() >= TURNED,
        }.get(fact, ViewField(fact) == value)
        yield _slice_view(patches, model, each.name, each, test)


def facts_of(
    state: str | None, style: str | None, occluders: Sequence[str] | None, yaw: float | None
) -> list[str]:
    """The slices that a face lies in: "state nose_out", "style cloth", "occluder hand" ..."""
    facts = [f"state {state}"] if state else []
    facts += [f"style {style}"] if style else []
    facts += [f"occluder {name}" for name in sorted(set(occluders or []))]
    return facts + (["turned aside"] if yaw is not None and abs(yaw) >= TURNED else [])


def count_slices(names: Sequence[Sequence[str]], wrong: Sequence[bool]) -> dict[str, Slice]:
    """Slices by name, from the N names of each of M faces and whether each was wrong."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for of, is_wrong in zip(names, wrong, strict=True):
        for name in of:
            counts[name][0] += 1
            counts[name][1] += is_wrong
    return {name: Slice(name, *both) for name, both in counts.items()}


def _slice_view(patches: Any, model: str, name: str, of: Slice, test: Any) -> SavedView:
    """The missed and confused faces of a slice."""
    from fiftyone import ViewField

    view = patches.match(ViewField("type") == "fn").filter_labels(TRUTH, test)
    words = f"{of.wrong} of {of.faces} missed or confused ({of.share:.0%})"
    return SavedView(f"{model}: wrong, {name}", words, view)
