"""Tables and the page of a comparison."""

from collections.abc import Sequence

from data.labels import CLASS_NAMES
from eval.bench.timing import Spread
from eval.compare.comparison import MEAN, Comparison
from eval.compare.recall import ALL_SIZES, RecallRow
from eval.compare.timing import Timed
from eval.compare.verdict import SINGLE, TWO_PHASE, better, size_name
from eval.report import Picture, Section, Table, format_interval, format_score


def accuracy_table(comparison: Comparison) -> Table:
    """A row a measure: both systems, and who is better where the interval says so."""
    one, two = comparison.single, comparison.two_phase
    rows = []
    for name in (*CLASS_NAMES, MEAN):
        values = [side.map50 if name == MEAN else side.ap50[name] for side in (one, two)]
        change = comparison.ap50_change[name]
        label = "mAP50" if name == MEAN else f"AP50 {name}"
        rows.append((label, *map(format_score, values), format_interval(change), better(change)))
    alarms = f"{comparison.false_alarms:g} false alarms a picture"
    for label, attribute in (
        ("mAP50 if each found face's class were told", "map50_told"),
        ("any face found, IoU 0.5, every score", "any_face_recall"),
        ("any face found, IoU 0.3, every score", "any_face_recall_loose"),
        (f"any face found at {alarms}", "recall"),
        ("of these with the right class", "class_accuracy"),
    ):
        rows.append((label, *(format_score(getattr(s, attribute)) for s in (one, two)), "", ""))
    header = ("", SINGLE, TWO_PHASE, "difference, 95 %", "better")
    return Table(header, tuple(rows))


def coverage_table(rows: Sequence[RecallRow], size: tuple[float, float], caption: str) -> Table:
    """Recall by coverage within one range of sizes."""
    lines = tuple(
        (
            row.group or "all faces",
            str(row.faces),
            format_score(row.single),
            format_score(row.two_phase),
            format_interval(row.difference),
            better(row.difference),
        )
        for row in rows
        if (row.low, row.high) == size
    )
    header = ("faces found", "faces", SINGLE, TWO_PHASE, "difference, 95 %", "better")
    return Table(header, lines, caption)


def size_tables(comparison: Comparison) -> list[Table]:
    """Every size first, then each range that has faces."""
    seen: dict[tuple[float, float], RecallRow] = {}
    for row in comparison.rows:
        if row.faces:
            seen.setdefault((row.low, row.high), row)
    return [coverage_table(comparison.rows, size, size_name(row)) for size, row in seen.items()]


def finder_tables(comparison: Comparison) -> list[Table]:
    """Recall against that of the face finder alone, for each least IoU."""
    tables = []
    for iou_min, rows in comparison.finder.items():
        faces = [row for row in rows if row.faces]
        caption = f"all sizes, the face finder alone by its own score, IoU {iou_min:g}"
        table = coverage_table(faces, ALL_SIZES, caption)
        header = tuple("finder alone" if cell == TWO_PHASE else cell for cell in table.header)
        tables.append(Table(header, table.rows, caption))
    return tables


def time_table(times: Sequence[Timed]) -> Table:
    """Medians, lowest in brackets; faces that each found."""
    rows = tuple(
        (
            "this set's pictures" if t.faces is None else f"{t.faces} of 800 x 640 px",
            _ms(t.single),
            _ms(t.two_phase),
            f"{t.ratio:.2f}x",
            f"{t.cpu[0]:.1f}, {t.cpu[1]:.1f}",
            f"{t.found[0]:g}, {t.found[1]:g}" if t.faces is not None else "",
        )
        for t in times
    )
    header = (
        "faces in the picture",
        f"{SINGLE}, ms",
        f"{TWO_PHASE}, ms",
        "over",
        "CPU ms",
        "found",
    )
    return Table(header, rows)


def _ms(spread: Spread) -> str:
    return f"{spread.median:.1f} ({spread.low:.1f})"


def comparison_sections(
    comparison: Comparison, times: Sequence[Timed], plot: bytes, lines: Sequence[str]
) -> list[Section]:
    """Sections for eval.report.render_page."""
    return [
        Section("What it comes to", tuple(lines)),
        Section(
            "Recall and time",
            (),
            (),
            (Picture(plot, "Recall by coverage, milliseconds by number of faces", wide=True),),
        ),
        Section(
            "Accuracy",
            (
                "Differences are single-stage minus two-phase, intervals a bootstrap over "
                "pictures. 'Told' is what the two phases could reach with a perfect classifier.",
            ),
            (accuracy_table(comparison),),
        ),
        Section(
            "Recall by how much of the face is covered",
            (
                "Faces found by a box of any class with IoU 0.5, both systems cut at the score "
                f"where they raise {comparison.false_alarms:g} false alarms a picture. Within a "
                "range of sizes, because covered faces may be smaller ones, too.",
            ),
            (*size_tables(comparison), *finder_tables(comparison)),
        ),
        Section(
            "Milliseconds a picture",
            (
                "Medians, lowest in brackets, taken in turn; 'over' is the median of two-phase "
                "over single-stage, pair by pair. 'CPU ms': of all cores together, both in turn. "
                "'Found': faces that each found.",
            ),
            (time_table(times),),
        ),
    ]
