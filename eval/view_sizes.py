"""`--sizes`: the sizes at which pictures are looked at several times."""

import argparse
from collections.abc import Iterable

from data.exceptions import UsageError

SIZES = "512,640,832"


def add_sizes_option(parser: argparse.ArgumentParser) -> None:
    """`--sizes` of the verbs that look once unless it is given."""
    parser.add_argument(
        "--sizes",
        metavar="PX,...",
        help=f"look at each of these sizes, such as {SIZES}, plain and mirrored, and fuse what is "
        "found: more accurate, and slower by as many views",
    )


def pick_sizes(args: argparse.Namespace, without: Iterable[str]) -> tuple[int, ...]:
    """The sizes of `--sizes`, none where it isn't given.

    Args:
        args: parsed options.
        without: names of options that make no sense beside it.

    Raises:
        UsageError: if a size is no number, or one of those options is given.
    """
    if args.sizes is None:
        return ()
    for name in without:
        if getattr(args, name):
            option = name.replace("_", "-")
            raise UsageError(f"expected --sizes or --{option}, but got both; leave one of them out")
    return tuple(parse_sizes(args.sizes))


def parse_sizes(text: str) -> list[int]:
    """Input sizes in px from "512,640,832", in that order.

    Raises:
        UsageError: if one is no whole number above 0.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        raise UsageError(f"expected --sizes such as {SIZES}, but got {text!r}")
    return [int(part) for part in parts]
