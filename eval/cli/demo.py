"""`maskwatch demo`: the whole loop in small, without a download."""

import argparse
from pathlib import Path

EPILOG = """\
Draws masks into sample photos that came with the installation, trains a few steps on them, detects
with the shipped weights, scores, and writes DIR/report.html. An earlier demo in DIR is replaced
when the new one is complete; a folder with anything else in it is left alone.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `maskwatch demo`."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--out", type=Path, default=Path("demo"), metavar="DIR", help="default: ./%(default)s")
    add("--seed", type=int, default=0, metavar="S", help="another set (default: %(default)s)")
    add("--weights", type=Path, metavar="FILE", help="ONNX file (the shipped weights)")
    add(
        "--pictures",
        type=int,
        default=96,
        metavar="N",
        help="pictures to synthesise (default: %(default)s)",
    )
    add(
        "--epochs",
        type=int,
        default=12,
        metavar="N",
        help="of the few steps (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the steps, a line for each; then name the report and what to try next."""
    from eval.demo.loop import Clock, Settings, run_demo
    from eval.demo.page import next_commands

    settings = Settings(
        pictures=args.pictures, epochs=args.epochs, seed=args.seed, weights=args.weights
    )
    lines = StepLines()
    clock = Clock(lines.start, lines.end)
    try:
        report = run_demo(args.out, settings, clock)
    finally:
        lines.close()
    print(f"\n{sum(clock.seconds.values()):.0f} s in all. Open {report}\n\nNext commands to try:")
    print("\n".join(f"  {line}" for line in next_commands(args.out)))
    return 0


class StepLines:
    """A line for each step: its name when it begins, outcome and time when it ends."""

    def __init__(self) -> None:
        self._open = False

    def start(self, title: str) -> None:
        """Begin a line."""
        print(f"{title:18}", end="", flush=True)
        self._open = True

    def end(self, summary: str, seconds: float) -> None:
        """End the line that was begun."""
        print(f"{seconds:6.1f} s  {summary}", flush=True)
        self._open = False

    def close(self) -> None:
        """End a line that an error cut short, so that its message begins on a new one."""
        if self._open:
            print(flush=True)
            self._open = False
