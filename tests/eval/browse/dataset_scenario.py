"""What test_dataset.py runs in a process of its own: the life of one data set in FiftyOne.

    python dataset_scenario.py SET FIRST SECOND PHOTO OUT

Prints one JSON object, a key for each stage.
"""

import json
import sys
from pathlib import Path
from typing import Any

from conftest import ELSEWHERE, FIRST, write_picture, write_predictions

from data.exceptions import BrowseError
from eval.browse.dataset import INFO, dataset_name, open_dataset, update_dataset
from eval.browse.evaluation import add_curves
from eval.browse.export import collect_fixes, export, our_datasets
from eval.browse.material import load_material
from eval.browse.models import from_json
from eval.browse.mongod import browse_folder
from eval.browse.session import start_fiftyone
from eval.browse.views import save_views

ROOT, FIRST_JSON, SECOND_JSON, PHOTO, OUT = map(Path, sys.argv[1:])
NAME = dataset_name(ROOT, None)

fo = start_fiftyone(browse_folder())
said: dict[str, Any] = {}


def start() -> Any:
    """What `maskwatch browse` does up to the App."""
    material = load_material(ROOT, None, {})
    models = [
        from_json(name, file, material, 0.25)
        for name, file in (("first", FIRST_JSON), ("second", SECOND_JSON))
    ]
    dataset, note = open_dataset(fo, NAME, ROOT)
    update = update_dataset(fo, dataset, material.pictures, models)
    if update.runs:
        save_views(dataset, [run.model for run in update.runs])
    return dataset, update, note


def of(dataset: Any, name: str) -> Any:
    return next(s for s in dataset if Path(s.filepath).stem == name)


def counts(update: Any) -> list[int]:
    return [len(update.runs), update.added, update.changed, update.removed]


def refusal(name: str) -> str:
    try:
        open_dataset(fo, name, ROOT)
    except BrowseError as error:
        return str(error)
    return ""


dataset, update, _ = start()
said["new"] = counts(update)
said["views"] = {name: len(dataset.load_saved_view(name)) for name in dataset.list_saved_views()}
said["map"] = add_curves(dataset, update.runs[1])
said["schemas"] = dataset.label_schemas["ground_truth"]["classes"]

# The same evaluation and mistakenness by FiftyOne's own means.
twin = dataset.clone()
fields = ("{0}_tp", "{0}_fp", "{0}_fn")
labels = ("ground_truth.detections.{0}", "ground_truth.detections.{0}_iou", "first.detections.{0}")
twin.evaluate_detections(
    "first", gt_field="ground_truth", eval_key="own", classwise=False, compute_mAP=True
)
said["ours"] = [dataset.values(f.format("eval_first")) for f in (*fields, *labels)]
said["theirs"] = [twin.values(f.format("own")) for f in (*fields, *labels)]
import fiftyone.brain as brain  # noqa: E402 - after the database

for model in ("first", "second"):
    brain.compute_mistakenness(twin, model, "ground_truth", mistakenness_field=f"m_{model}")
said["mistakenness"] = dataset.values("ground_truth.detections.mistakenness", unwind=True)
said["brain"] = [
    twin.values(f"ground_truth.detections.m_{m}", unwind=True) for m in ("first", "second")
]
fo.delete_dataset(twin.name)

_, update, _ = start()
said["unchanged"] = counts(update)

# The user's work, and changes in the folder.
sample = of(dataset, "alarm")
sample.tags.append("fix")
next(d for d in sample["first"].detections if d.label == "incorrect").tags.append("accept")
sample.save()
sample = of(dataset, "confused")
sample["ground_truth"].detections[0].label = "incorrect"
sample.save()
dataset.save_view("mine", dataset.limit(1))
_, update, _ = start()
said["edited"] = [counts(update), of(dataset, "confused")["eval_first_fn"], update.notes]
fixes = collect_fixes(our_datasets(fo, ROOT, None), load_material(ROOT, "all", {}), None)
said["fixes"] = {p.stem: [b.class_ids.tolist(), b.xyxy.tolist()] for p, b in fixes.items()}
fixed = collect_fixes(our_datasets(fo, ROOT, NAME), load_material(ROOT, "all", {}), "fix")
said["tagged"] = [p.stem for p in fixed]
for out, whole in ((OUT / "some", False), (OUT / "whole", True)):
    result = export(out, ROOT, load_material(ROOT, "all", {}), fixes, whole=whole)
    said[out.name] = [len(result.records), result.corrected, result.divided]

for name in ("hit", "confused"):
    (ROOT / f"labels/val/{name}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
(ROOT / "images/val/sure.png").unlink()
write_picture(ROOT, "new", PHOTO, 9)
moved = [x + 1 for x in ELSEWHERE]
write_predictions(FIRST_JSON, {**FIRST, "alarm": [("incorrect", 0.6, moved)]})
_, update, _ = start()
said["changed"] = [counts(update), update.notes]
said["disk"] = [of(dataset, n)["ground_truth"].detections[0].label for n in ("hit", "confused")]
sample = of(dataset, "alarm")
said["kept"] = [sample.tags, sample["first"].detections[0].tags, dataset.has_saved_view("mine")]
_, update, _ = start()
said["settled"] = counts(update)
said["datasets"] = [n for n in fo.list_datasets() if n.startswith("set")]

# Killed in the middle: what is missing is made up for.
dataset.delete_samples([of(dataset, "new").id])
dataset.info[INFO] = {**dataset.info[INFO], "finished": False}
dataset.save()
_, update, _ = start()
said["repaired"] = [counts(update), len(dataset)]

# Versions, and names that are taken.
dataset.info[INFO] = {**dataset.info[INFO], "schema": 99}
dataset.save()
said["newer"] = refusal(NAME)
dataset.info[INFO] = {**dataset.info[INFO], "schema": 0}
dataset.save()
dataset, update, said["older"] = start()
said["older_tags"] = [counts(update), of(dataset, "alarm").tags]
fo.Dataset("strange", persistent=True)
said["strange"] = refusal("strange")
print(json.dumps(said))
