"""The model card that lies beside trained weights."""

from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data.dataset import SPLITS, find_samples
from data.files import digest, write_text
from data.labels import CLASS_NAMES
from data.manifest import read_manifest
from detector.curves import METRICS, Table, best_epoch
from detector.job import teachers_of


def write_card(out: Path, job: dict[str, Any], table: Table, onnx: Path) -> None:
    """Write `out/README.md`: weights, data, start, numbers, scores of a finished run.

    Args:
        out: the run's folder.
        job: its `run.json`: config, data, device, fingerprint, init, init_sha256,
            teachers, teachers_sha256.
        table: columns of results.csv.
        onnx: the exported weights.
    """
    write_text(
        out / "README.md",
        "\n".join(
            [
                f"# {onnx.name}\n",
                "Finds faces and says of each: " + ", ".join(CLASS_NAMES) + ".\n",
                *_table("File", _files(onnx)),
                *_table("Data", {**_data(Path(job["data"]), job["fingerprint"]), **_count(job)}),
                *_table("Mixed in", _extras(job)),
                *_table("Start weights", _start(job["init"], job.get("init_sha256", ""))),
                *_table("Teachers", _teachers(job)),
                *_table("Validation split, best epoch", _scores(table)),
                *_table("Training", {**job["config"], "device": job["device"]}),
            ]
        ),
    )


def _count(job: dict[str, Any]) -> dict[str, Any]:
    count = job.get("count")
    return {"pictures trained on": f"{count}, drawn at random"} if count else {}


def _extras(job: dict[str, Any]) -> dict[str, Any]:
    """Further sets, by what is known of them; names of pictures left out stay in `run.json`."""
    rows: dict[str, Any] = {}
    for value in job.get("extras", []):
        count = value["count"] or "all"
        left_out = f", without {len(value['exclude'])}" if value["exclude"] else ""
        rows[Path(value["root"]).name] = f"{count} pictures{left_out}, {value['repeat']} times each"
    return rows and {**rows, "fingerprint": job["extras_fingerprint"]}


def _table(title: str, rows: dict[str, Any]) -> list[str]:
    if not rows:
        return []
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return [f"## {title}\n", "| | |", "|---|---|", *lines, ""]


def _files(onnx: Path) -> dict[str, Any]:
    return {
        "weights": onnx.name,
        "sha256": digest(onnx),
        "bytes": onnx.stat().st_size,
        "ultralytics": version("ultralytics"),
        "licence": "AGPL-3.0, as ultralytics requires",
    }


def _data(root: Path, fingerprint: str) -> dict[str, Any]:
    rows: dict[str, Any] = {"name": root.name, "fingerprint": fingerprint}
    rows |= {f"pictures, {split}": len(find_samples(root, split)) for split in SPLITS}
    records = list(read_manifest(root))
    if records:
        seeds = sorted({record.seed for record in records})
        boxes = Counter(box.label for record in records for box in record.boxes)
        rows["manifest"] = f"{len(records)} pictures, {len(seeds)} seeds from {seeds[0]}"
        rows |= {f"boxes, {name}": boxes[name] for name in CLASS_NAMES}
    return rows


def _start(init: str, init_digest: str) -> dict[str, Any]:
    return {"name": Path(init).name, "sha256": init_digest or "none: random weights"}


def _teachers(job: dict[str, Any]) -> dict[str, Any]:
    """Names, numbered since checkpoints of several runs have one name, and sha256."""
    names = [f"{n}. {Path(path).name}" for n, path in enumerate(teachers_of(job), 1)]
    digests = job.get("teachers_sha256") or [job.get("teacher_sha256", "")]
    return dict(zip(names, digests, strict=False))


def _scores(table: Table) -> dict[str, Any]:
    row = best_epoch(table)
    scores = {label: f"{table[column][row]:.3f}" for column, label in METRICS.items()}
    return {"epoch": f"{table['epoch'][row]:.0f} of {len(table['epoch'])}", **scores}
