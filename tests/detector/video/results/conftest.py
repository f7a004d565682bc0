"""Results of rendered scenes, as live video makes them."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from data.images import Image
from detector.video.types import Frame, Result, Track

CLOCK = 1_790_000_000.0  # 2026-09-21T14:13:20Z


@pytest.fixture
def make_result() -> Callable[..., Result]:
    """Builds a result: `make_result(5, {7: ("incorrect", (10, 10, 50, 50))}, closed=(3,))`.

    The first number is the frame's index; time runs at 10 frames a second. A track needs a state,
    or a state and a box.
    """
    opened: dict[tuple[str, int], float] = {}

    def build(
        index: int,
        faces: dict[int, str | tuple[str, Sequence[float]]] | None = None,
        *,
        closed: Sequence[int] = (),
        source: str = "door",
        image: Image | None = None,
        dropped: int = 0,
        size_changed: bool = False,
    ) -> Result:
        time = index / 10
        picture = np.zeros((100, 200, 3), np.uint8) if image is None else image
        frame = Frame(source, index, time, time, CLOCK + time, picture, dropped)
        tracks = []
        for track_id, face in (faces or {}).items():
            state, box = (face, (80, 30, 120, 70)) if isinstance(face, str) else face
            first = opened.setdefault((source, track_id), time)
            tracks.append(
                Track(
                    id=track_id,
                    box=np.array(box, float),
                    state=state,
                    confidence=0.8,
                    score=0.9,
                    class_name="with_mask",
                    first_time=first,
                    first_index=index,
                    seen=3,
                )
            )
        return Result(frame, tuple(tracks), tuple(closed), size_changed)

    return build
