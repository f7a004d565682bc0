"""`maskwatch check`: validate a data set."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from data.labels import CLASS_NAMES

if TYPE_CHECKING:
    from data.check import Report

EPILOG = """\
Errors: unreadable pictures, broken label lines, wrong classes, boxes out of range, one picture or
person in two splits, a manifest that disagrees with the labels. Warnings: pictures without a
label file, labels without a picture, tiny or repeated boxes, the same picture twice in a split.

Exit status: 0 if there is no error (warnings allowed), 1 if there is one, 2 on wrong usage.
"""

# Lines shown of each kind of fault; --json has them all.
SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch check`."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("dir", type=Path, metavar="DIR", help="data set in the YOLO layout")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every fault as JSON")


def run(args: argparse.Namespace) -> int:
    """Check, print what was found; 1 where the set is broken."""
    from data.check import check_dataset
    from data.files import write_json

    report = check_dataset(args.dir, _show_progress if sys.stderr.isatty() else None)
    if args.json:
        write_json(args.json, report.to_json())
    print("\n".join(format_report(report)))
    return 1 if report.errors else 0


def _show_progress(done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} pictures", end=end, file=sys.stderr, flush=True)


def format_report(report: "Report") -> list[str]:
    """The lines to print: faults by kind, tables of classes and sizes, the verdict."""
    from data.check import SIZE_CLASSES

    lines = []
    kinds = dict.fromkeys((p.severity, p.kind) for p in report.problems)
    for severity, kind in sorted(kinds):  # errors before warnings
        faults = [p for p in report.problems if (p.severity, p.kind) == (severity, kind)]
        lines += [f"{severity}: {kind}: {p.path}: {p.message}" for p in faults[:SHOWN]]
        if len(faults) > SHOWN:
            lines.append(f"{severity}: {kind}: ... and {len(faults) - SHOWN} more")
    lines += ["", *_format_table("split", report.boxes, list(report.pictures))]
    rows = [size for size in SIZE_CLASSES if any(report.sizes[size, c] for c in CLASS_NAMES)]
    lines += ["", *_format_table("height px", report.sizes, rows), ""]
    warnings = len(report.problems) - report.errors
    pictures = ", ".join(f"{n} {s}" if s else str(n) for s, n in report.pictures.items())
    lines.append(f"{report.root}: {pictures} pictures, {report.bare} without a box")
    verdict = "broken" if report.errors else "fine"
    lines.append(f"{verdict}: {report.errors} errors, {warnings} warnings")
    return lines


def _format_table(title: str, counts: Counter[tuple[str, str]], rows: list[str]) -> list[str]:
    """A table of counts by row and class."""
    lines = [f"{title:12}" + "".join(f"{name:>14}" for name in CLASS_NAMES)]
    for row in rows:
        cells = "".join(f"{counts[row, name]:14}" for name in CLASS_NAMES)
        lines.append(f"{row or 'all':12}{cells}")
    return lines
