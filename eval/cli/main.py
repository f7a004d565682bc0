"""The program `maskwatch`: reads the verb, runs it, turns errors into one line."""

import argparse
import errno
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from data.exceptions import MaskwatchError, UsageError

VERBS: dict[str, str] = {
    "demo": "the whole loop in small, on sample photos that come with the installation",
    "synth": "bare faces in, labelled data set out",
    "check": "validate a data set",
    "convert": "VOC, COCO, WIDER and YOLO annotations in, a data set out",
    "train": "train a detector and export it",
    "export": "convert trained weights to ONNX",
    "label": "unlabelled photos in, a data set of what the detector is sure of out",
    "predict": "find faces and masks in pictures",
    "video": "watch webcams, videos and streams live",
    "eval": "score a detector on a labelled data set",
    "compare": "the single-stage detector beside a two-phase pipeline: accuracy and milliseconds",
    "browse": "a detector's mistakes in FiftyOne; fix labels there and bring them back",
    "bench": "speed, beside others' on the same machine",
    "doctor": "what works on this machine, and what to do about the rest",
}

# 128 + SIGINT, as shells report a program that Ctrl-C ended.
INTERRUPTED = 130


def build_parser(verb: str | None) -> argparse.ArgumentParser:
    """The parser; only the options of `verb` are loaded, so that help stays instant."""
    parser = argparse.ArgumentParser(
        prog="maskwatch",
        description="Finds every face in a picture and says whether its mask is worn: "
        "with_mask, without_mask or incorrect.",
    )
    parser.add_argument("--version", action="version", version=f"maskwatch {version('maskwatch')}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more about each step")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, summary in VERBS.items():
        sub = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:])
        if name == verb:
            importlib.import_module(f"eval.cli.{name}").add_arguments(sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; 0 if it went well, 1 on an error, 2 on wrong usage, 130 on Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = next((a for a in arguments if a in VERBS), None)
    args = build_parser(verb).parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if args.verbose else logging.WARNING,
        format="maskwatch: %(levelname)s: %(message)s",
        force=True,
    )
    try:
        code = int(importlib.import_module(f"eval.cli.{args.verb}").run(args))
        sys.stdout.flush()  # here, where a full disk or a closed pipe is still answered
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error, but nothing more to say.
        _drop_output()
        return 0
    except UsageError as error:
        return _fail(str(error), 2)
    except MaskwatchError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("stopped by Ctrl-C", INTERRUPTED)
    except OSError as error:
        _drop_output()
        return _fail(describe_os_error(error), 1)
    return code


def _drop_output() -> None:
    """Let go of printed text that can't be written, or Python complains again as it exits."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def describe_os_error(error: OSError) -> str:
    """One line for a full disk, a read-only folder, a missing file."""
    hints = {
        errno.ENOSPC: "free some space and run the same command again",
        errno.EROFS: "choose a folder that can be written",
        errno.EACCES: "choose a folder that you may write",
        errno.EDQUOT: "your quota is used up; free some space and run the same command again",
    }
    where = f"{error.filename}: " if error.filename else ""
    hint = f"; {hints[error.errno]}" if error.errno in hints else ""
    return f"{where}{error.strerror or error}{hint}"


def _fail(message: str, code: int) -> int:
    print(f"maskwatch: error: {' '.join(message.split())}", file=sys.stderr)
    return code
