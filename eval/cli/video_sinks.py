"""What `maskwatch video` makes of results: events, counters, snapshots, alerts, a web page."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.exceptions import UsageError
from data.labels import CLASS_NAMES
from detector.video.results.access import SECRET_VARIABLE, TOKEN_VARIABLE

if TYPE_CHECKING:
    from detector.video.results.background import Background
    from detector.video.results.hub import Outlet
    from detector.video.results.places import Line, Zone
    from detector.video.types import Painter, Sink


def add_sink_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of all sinks of this file."""
    _add_record_arguments(parser.add_argument_group("records"))
    _add_alert_arguments(parser.add_argument_group("alerts"))
    _add_page_arguments(parser.add_argument_group("web page"))


def _add_record_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--events", type=Path, metavar="FILE", help="append what happens, a line of JSON each")
    add("--summary", type=Path, metavar="FILE", help="write counters as CSV, renewed as it runs")
    add(
        "--summary-every",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds between two writings of it (%(default)s)",
    )
    add(
        "--zone",
        action="append",
        default=[],
        metavar="NAME=X1,Y1,X2,Y2,X3,Y3,...",
        help="count faces inside; corners as fractions of width and height, 0 to 1; "
        "NAME@SOURCE=... for one source only; may be repeated",
    )
    add(
        "--line",
        action="append",
        default=[],
        metavar="NAME=X1,Y1,X2,Y2",
        help="count faces that cross; in is to the right hand of who looks from the first point "
        "to the second; may be repeated",
    )
    add(
        "--snapshot-on",
        metavar="CLASSES",
        help="save a picture of each face in these states, such as incorrect,without_mask",
    )
    add("--snapshot-dir", type=Path, metavar="DIR", help="where to (./snapshots)")
    add(
        "--snapshot-most",
        type=int,
        default=5000,
        metavar="N",
        help="pictures in that folder at most (%(default)s)",
    )


def _add_alert_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--alert-on",
        metavar="CLASSES",
        help="tell of faces in these states; where there are zones, of those inside one only",
    )
    add(
        "--alert-every",
        type=float,
        default=60.0,
        metavar="S",
        help="seconds until the same source, zone and class are told of again (%(default)s)",
    )
    add("--webhook", metavar="URL", help="POST alerts as JSON to this http or https address")
    add(
        "--webhook-secret",
        type=Path,
        metavar="FILE",
        help=f"sign them with this file's first line (or {SECRET_VARIABLE} in the environment)",
    )
    add("--alert-command", metavar="CMD", help="run this for each alert, facts as JSON on stdin")


def _add_page_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--serve", type=int, metavar="PORT", help="show it live on a web page; 0 for a free port")
    add(
        "--host",
        default="127.0.0.1",
        help="where to listen (%(default)s); others than this machine need a token, which is "
        f"printed, or taken from {TOKEN_VARIABLE} in the environment",
    )
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name in the page's address, as of a proxy; may be repeated",
    )


def open_sinks(args: argparse.Namespace, stack: ExitStack) -> list["Sink"]:
    """The sinks that the options ask for, already entered on `stack`; one that does all, or none.

    What can't work (a port that is taken, a folder for a file) is an error here, before video.

    Raises:
        UsageError: if an option makes no sense.
        OSError: if a file can't be opened.
    """
    from detector.video.results.hub import Hub

    zones, lines = _places(args)
    outlets: list[Outlet] = []
    _open_records(args, stack, outlets)
    _open_alerts(args, stack, outlets, zones)
    _open_page(args, stack, outlets)
    if not outlets and not zones and not lines:
        return []
    return [stack.enter_context(Hub(zones, lines, outlets))]


def painters(sinks: Sequence["Sink"]) -> list["Painter"]:
    """What `open_sinks` wants drawn into the picture: zones and lines with their counters."""
    from detector.video.results.hub import Hub

    return [sink.paint for sink in sinks if isinstance(sink, Hub) and sink.has_places]


def failures(sinks: Sequence["Sink"]) -> list[str]:
    """What `open_sinks` opened and failed, in whole or in part; asked when all is closed."""
    from detector.video.results.hub import Hub

    return [text for sink in sinks if isinstance(sink, Hub) for text in sink.failures]


def parse_states(text: str, option: str) -> frozenset[str]:
    """States from "incorrect,without_mask".

    Raises:
        UsageError: if one is none.
    """
    names = [name.strip() for name in text.split(",")]
    known = (*CLASS_NAMES, "unsure")
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"{option}: expected some of {', '.join(known)}, but got {unknown[0]!r}")
    return frozenset(names)


def _places(args: argparse.Namespace) -> tuple[list["Zone"], list["Line"]]:
    from detector.video.results.places import check_names, parse_line, parse_zone
    from detector.video.sources import parse_sources

    zones, lines = [parse_zone(z) for z in args.zone], [parse_line(n) for n in args.line]
    places: list[Zone | Line] = [*zones, *lines]
    check_names(places)
    names = {source.name for source in parse_sources(args.source)}
    for place in places:
        if place.source is not None and place.source not in names:
            raise UsageError(
                f"{place.name}@{place.source}: expected one of the sources "
                f"{', '.join(sorted(names))}, but got {place.source!r}"
            )
    return zones, lines


def _open_records(args: argparse.Namespace, stack: ExitStack, outlets: list["Outlet"]) -> None:
    from detector.video.results.event_file import EventFile
    from detector.video.results.hub import Outlet
    from detector.video.results.snapshots import Snapshots
    from detector.video.results.summary import Summary

    if args.events:
        file = stack.enter_context(EventFile(args.events))
        outlets.append(
            Outlet(
                f"events in {args.events}",
                lambda _result, _drawn, events, _counts: file.write(events),
                file.write,
                lambda: file.failures,
            )
        )
    if args.summary:
        if args.summary_every <= 0:
            raise UsageError(f"expected --summary-every above 0, but got {args.summary_every:g}")
        summary = stack.enter_context(Summary(args.summary, args.summary_every))
        outlets.append(
            Outlet(
                f"summary in {args.summary}",
                lambda result, _drawn, _events, counts: summary.update(result, counts),
                failures=lambda: summary.failures,
            )
        )
    if args.snapshot_dir and not args.snapshot_on:
        raise UsageError("--snapshot-dir needs --snapshot-on CLASSES, such as without_mask")
    if args.snapshot_on:
        if args.snapshot_most < 1:
            raise UsageError(f"expected --snapshot-most of 1 or more, but got {args.snapshot_most}")
        states = parse_states(args.snapshot_on, "--snapshot-on")
        folder = args.snapshot_dir or Path("snapshots")
        snapshots = stack.enter_context(Snapshots(folder, states, args.snapshot_most))
        outlets.append(
            Outlet(
                f"snapshots in {folder}",
                lambda _result, drawn, events, _counts: snapshots.update(events, drawn),
                snapshots.forget,
                lambda: snapshots.failures,
            )
        )


def _open_alerts(
    args: argparse.Namespace, stack: ExitStack, outlets: list["Outlet"], zones: list["Zone"]
) -> None:
    from detector.video.results.alerts import Alerts
    from detector.video.results.command import AlertCommand
    from detector.video.results.hub import Outlet
    from detector.video.results.webhook import Webhook

    ways = bool(args.webhook) + bool(args.alert_command)
    if bool(args.alert_on) != bool(ways):
        missing = "--webhook URL or --alert-command CMD" if args.alert_on else "--alert-on CLASSES"
        raise UsageError(f"alerts need {missing}, too")
    if not args.alert_on:
        return
    if args.alert_every < 0:
        raise UsageError(f"expected --alert-every of 0 or more, but got {args.alert_every:g}")
    senders: list[Background[Mapping[str, Any]]] = []
    if args.webhook:
        senders.append(Webhook(args.webhook, _secret(args.webhook_secret)))
    if args.alert_command:
        senders.append(AlertCommand(args.alert_command))
    for sender in senders:
        stack.enter_context(sender)
    alerts = Alerts(
        parse_states(args.alert_on, "--alert-on"),
        args.alert_every,
        tuple(sender.put for sender in senders),
        lambda source: any(z.source in (None, source) for z in zones),
    )
    outlets.append(
        Outlet(
            "alerts",
            lambda _result, _drawn, events, _counts: alerts.update(events),
            alerts.update,
            lambda: [text for sender in senders for text in sender.failures],
        )
    )


def _secret(path: Path | None) -> bytes | None:
    """The key of signatures: a file's first line, or the environment's; None for no signature."""
    if path is None:
        value = os.environ.get(SECRET_VARIABLE)
        return value.encode() if value else None
    with path.open("rb") as file:
        secret = file.readline(4096).strip()
    if not secret:
        raise UsageError(f"{path}: expected a secret in the first line, but it is empty")
    return secret


def _open_page(args: argparse.Namespace, stack: ExitStack, outlets: list["Outlet"]) -> None:
    from detector.video.results.hub import Outlet
    from detector.video.results.live import Live
    from detector.video.results.serve import PageServer
    from detector.video.sources import parse_sources

    if args.serve is None:
        return
    if not 0 <= args.serve <= 65535:
        raise UsageError(f"expected --serve PORT from 0 to 65535, but got {args.serve}")
    live = Live(source.name for source in parse_sources(args.source))
    token = os.environ.get(TOKEN_VARIABLE) or None
    server = PageServer(live, args.serve, args.host, token, args.allow_host)
    stack.enter_context(server)
    outlets.append(Outlet("page", live.update, live.note))
    print(f"maskwatch: live page at {server.url}", file=sys.stderr)
    if not server.local:
        print(
            "maskwatch: whoever has this address sees the picture, and the connection isn't "
            "encrypted; outside your own network put a proxy with TLS before it",
            file=sys.stderr,
        )
