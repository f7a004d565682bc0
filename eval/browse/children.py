"""Child processes that don't outlive their parent."""

import ctypes
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """For `preexec_fn`: the kernel sends the child this signal when its parent's thread ends,
    kill -9 included (prctl(2), PR_SET_PDEATHSIG). Linux alone; does nothing elsewhere.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None  # not after the fork

    def ask_for_signal() -> None:
        if library is not None:
            library.prctl(_PR_SET_PDEATHSIG, number)

    return ask_for_signal
