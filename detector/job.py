"""The process in which a training runs, as its caller (detector.train.run_worker) sees it.

Started as `python -m MODULE RUN_FOLDER ERROR_FILE`. On failure one line stands in ERROR_FILE, and
where it came from in RUN_FOLDER/traceback.txt.
"""

import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from data.exceptions import MaskwatchError
from detector.environment import INTERRUPTED

TRACE = "traceback.txt"
RUN_FILE = "run.json"  # what to do, in RUN_FOLDER
CONFIDENCES = "confidences.json"  # beside it: how far labels are believed (detector.soft)


def teachers_of(job: dict[str, Any]) -> list[str]:
    """The weights that a run learns from beside the labels (detector.teacher), as given.

    Args:
        job: of RUN_FILE; older ones know one teacher at most.
    """
    one = job.get("teacher")
    found: list[str] = job.get("teachers") or ([one] if one else [])
    return found


def work(argv: list[str], run: Callable[[Path], None]) -> int:
    """Do `run(RUN_FOLDER)`; 0 if it went well, INTERRUPTED on Ctrl-C, else 1."""
    out, complaint = Path(argv[0]), Path(argv[1])
    (out / TRACE).unlink(missing_ok=True)
    try:
        run(out)
    except KeyboardInterrupt:
        return INTERRUPTED
    except MaskwatchError as error:
        complaint.write_text(str(error), encoding="utf-8")
        return 1
    except (RuntimeError, ValueError, TypeError, OSError, AssertionError) as error:
        # Whatever ultralytics or torch object to: one line for all, the trace for the curious.
        trace = out / TRACE
        complaint.write_text(f"training failed: {error}; see {trace}", encoding="utf-8")
        with suppress(OSError):  # a full disk may be what is being reported
            trace.write_text(traceback.format_exc(), encoding="utf-8")
        return 1
    return 0
