"""What a person or a signal may change while a run is on."""

import threading
from dataclasses import dataclass, field

CONF_STEP = 0.05


@dataclass
class Control:
    """Shared by window, signals and the loop; each field is written whole.

    Attributes:
        conf: score from which a detection may open a track, 0 to 1.
        paused: frames are held back (files) or passed over (live).
        stop: ends the run after the frame in work.
    """

    conf: float = 0.25
    paused: bool = False
    stop: threading.Event = field(default_factory=threading.Event)

    def shift(self, steps: int) -> None:
        """Raise or lower `conf` by `steps` of 0.05, within 0.05 to 0.95."""
        self.conf = round(min(max(self.conf + steps * CONF_STEP, 0.05), 0.95), 2)
