"""FiftyOne's evaluation of every model, run on samples in memory.

`dataset.evaluate_detections(..., classwise=False, compute_mAP=True)` reads and writes every sample
once for each model, which takes most of its time (10 s for 400 pictures, of which the matching is
1 s). The methods it is made of, those that FiftyOne has for evaluations of one's own, are called
here on samples that are in memory anyway, before they are written for the first time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from data.labels import CLASS_NAMES
from eval.browse.samples import TRUTH

IOU = 0.5


def eval_key(model: str) -> str:
    """FiftyOne's key of a model's evaluation."""
    return f"eval_{model}"


@dataclass
class Run:
    """One model's evaluation while samples go through it.

    Attributes:
        model: the field with its boxes.
        method: FiftyOne's evaluation method.
        matches: FiftyOne's tuples (true class, found class, IoU, score, true id, found id).
    """

    model: str
    method: Any
    matches: list[tuple[Any, ...]] = field(default_factory=list)

    def evaluate(self, sample: Any) -> None:
        """Match the boxes of one sample, note right and wrong on each and the sums on it."""
        key = eval_key(self.model)
        matches = self.method.evaluate(sample, eval_key=key)
        self.matches += matches
        found, true = sample[self.model].detections, sample[TRUTH].detections
        sample[f"{key}_tp"] = sum(d[key] == "tp" for d in found)
        sample[f"{key}_fp"] = sum(d[key] == "fp" for d in found)
        sample[f"{key}_fn"] = sum(d[key] == "fn" for d in true)


def start_run(dataset: Any, model: str) -> Run:
    """Register an evaluation of a model, in the place of an earlier one."""
    from fiftyone.utils.eval.coco import COCOEvaluationConfig

    config = COCOEvaluationConfig(model, TRUTH, iou=IOU, classwise=False, compute_mAP=True)
    method = config.build()
    method.register_run(dataset, eval_key(model), overwrite=True, cleanup=False)
    method.register_samples(dataset, eval_key(model))
    return Run(model, method)


def finish_run(dataset: Any, run: Run) -> None:
    """Save what the App's evaluation panel needs, but for the curves (`add_curves`)."""
    from fiftyone.utils.eval.detection import DetectionResults

    key = eval_key(run.model)
    results = DetectionResults(
        dataset, run.method.config, key, run.matches, classes=list(CLASS_NAMES), backend=run.method
    )
    run.method.save_run_results(dataset, key, results)
    run.method.add_fields_to_sidebar_group(dataset, key, omit_fields=(run.model, TRUTH))


def add_curves(dataset: Any, run: Run) -> float:
    """Precision-recall curves and mAP (IoU 0.5 to 0.95) for the panel; reads samples, writes none.

    Returns:
        FiftyOne's mAP over the boxes that were imported, which end at the least score.
    """
    key = eval_key(run.model)
    results = run.method.generate_results(
        dataset, run.matches, eval_key=key, classes=list(CLASS_NAMES), progress=False
    )
    run.method.save_run_results(dataset, key, results)
    return float(results.mAP())


def mark_mistaken(sample: Any, models: Sequence[str]) -> None:
    """Note on each true box how likely its label is wrong, `mistakenness` 0 to 1.

    FiftyOne's brain (fiftyone.brain.compute_mistakenness) has for a matched box of score c
    (1 - c) / 2 where the classes agree and (1 + c) / 2 where they don't. Here that is the mean
    over the models that found the box; -1 where none did, as for pictures in the brain.
    """
    found = {d.id: d for model in models for d in sample[model].detections}
    for true in sample[TRUTH].detections:
        opinions = []
        for model in models:
            match = found.get(true[f"{eval_key(model)}_id"] or "")
            if match is not None:
                sign = -1 if match.label == true.label else 1
                opinions.append((1 + sign * match.confidence) / 2)
        true["mistakenness"] = math.fsum(opinions) / len(opinions) if opinions else -1.0
    worst = [true["mistakenness"] for true in sample[TRUTH].detections]
    sample["mistakenness"] = max(worst, default=-1.0)
