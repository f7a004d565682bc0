"""`maskwatch doctor`: what is installed, what works here, and what to do about the rest."""

import argparse
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval.doctor.checks import Check

EPILOG = """\
Each part that could hang or crash is tried in a process of its own, for some seconds at most.

Exit status: 0 if live video is possible, 1 if a part is broken that it can't do without.
"""

MARKS = {"ok": "ok", "absent": "-", "failed": "FAILED"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch doctor`."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="ONNX file (the shipped weights)"
    )


def run(args: argparse.Namespace) -> int:
    """Check and tell; 1 if live video is impossible."""
    from eval.cli.video import IMGSZ
    from eval.doctor.checks import is_possible, run_checks

    checks = run_checks(IMGSZ, args.weights)
    possible = is_possible(checks)
    if args.json:
        print(json.dumps(to_json(checks, possible), indent=2))
    else:
        print("\n".join(to_lines(checks, possible)))
    return 0 if possible else 1


def to_json(checks: Sequence["Check"], possible: bool) -> dict[str, Any]:
    """The findings as one value."""
    return {
        **_machine(),
        "live_video": possible,
        "checks": [
            {"name": c.name, "status": c.status, "core": c.core, "text": c.text, "fix": c.fix}
            for c in checks
        ],
    }


def to_lines(checks: Sequence["Check"], possible: bool) -> list[str]:
    """The findings for people: a line each, below it what to do."""
    machine = _machine()
    lines = [
        f"maskwatch {machine['maskwatch']}, Python {machine['python']}, {machine['system']}",
        "",
    ]
    width = max(len(c.name) for c in checks)
    for check in checks:
        lines.append(f"  {MARKS[check.status]:6}  {check.name:{width}}  {check.text}")
        if check.fix and check.status != "ok":
            lines.append(f"  {'':6}  {'':{width}}  -> {check.fix}")
    broken = [c.name for c in checks if c.core and c.status != "ok"]
    verdict = "possible" if possible else f"impossible until this works: {', '.join(broken)}"
    return [*lines, "", f"Live video is {verdict}."]


def _machine() -> dict[str, str]:
    return {
        "maskwatch": version("maskwatch"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
