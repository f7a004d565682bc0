"""The three-way vote of a track: what was said of one face over time, weighed.

Every detection is evidence for its class, the stronger the higher its score. Evidence is kept as
log-probabilities (adding them is Bayes' rule for independent looks) and fades exponentially with
time, because a mask can be put on and taken off, and because looks a few milliseconds apart are
almost one look: a mean over the last half second, not a sum over frames, so that a camera of 5
frames/s and one of 60 come to the same verdict. The state follows with hysteresis: it takes more
to enter a state than to stay in it.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.labels import CLASS_NAMES
from detector.video.types import UNSURE

Floats = NDArray[np.float64]
CLASSES = len(CLASS_NAMES)


@dataclass(frozen=True)
class Rules:
    """How votes are weighed; chosen with `maskwatch bench flicker` among 60 sets, for as many
    changes as the truth has, noticed early.

    Attributes:
        fading: time in which evidence fades to 1/e, s.
        weight: of the mean evidence: 1 takes all looks within `fading` for one look, more for
            several independent ones.
        enter: share from which a class becomes the state.
        leave: share below which the state is given up for `unsure`.
        longest: time that one look stands for at most, s: after a gap, one look isn't everything.
        sharpest: probability that a look of score 1 gives its class; the rest keeps one look
            from outweighing all others.
    """

    fading: float = 0.4
    weight: float = 2.5
    enter: float = 0.55
    leave: float = 0.4
    longest: float = 0.2
    sharpest: float = 0.97


RULES = Rules()


@dataclass(frozen=True, eq=False)
class Vote:
    """The vote so far.

    Attributes:
        evidence: (3,) float64, faded mean of the log-probabilities, their mean 0.
        state: class id, or None while unsure.
    """

    evidence: Floats = field(default_factory=lambda: np.zeros(CLASSES))
    state: int | None = None

    def shares(self, rules: Rules = RULES) -> Floats:
        """(3,) float64, each class's share, sum 1: the softmax of the weighed evidence."""
        scaled = np.exp(rules.weight * (self.evidence - self.evidence.max()))
        return np.asarray(scaled / scaled.sum())

    def verdict(self, rules: Rules = RULES) -> tuple[str, float]:
        """The state's name and its share; `unsure` comes with the strongest class's share."""
        shares = self.shares(rules)
        if self.state is None:
            return UNSURE, float(shares.max())
        return CLASS_NAMES[self.state], float(shares[self.state])


def look(class_id: int, score: float, rules: Rules = RULES) -> Floats:
    """(3,) float64, the log-probabilities that one detection stands for, their mean 0.

    A score of 0 says nothing (a third each), 1 gives its class `sharpest`, linear in between;
    the other two classes share the rest.
    """
    top = 1 / CLASSES + score * (rules.sharpest - 1 / CLASSES)
    logs = np.full(CLASSES, np.log((1 - top) / (CLASSES - 1)))
    logs[class_id] = np.log(top)
    return np.asarray(logs - logs.mean())


def cast(vote: Vote, class_id: int, score: float, elapsed: float, rules: Rules = RULES) -> Vote:
    """The vote after one more detection.

    Args:
        vote: so far.
        class_id: what the detector said, 0 to 2.
        score: the detector's, 0 to 1.
        elapsed: seconds since the detection before (a first one: the time of one frame), >= 0.
        rules: how votes are weighed.
    """
    kept = np.exp(-min(elapsed, rules.longest) / rules.fading)
    evidence = np.asarray(kept * vote.evidence + (1 - kept) * look(class_id, score, rules))
    return Vote(evidence, decide(Vote(evidence).shares(rules), vote.state, rules))


def decide(shares: Floats, state: int | None, rules: Rules = RULES) -> int | None:
    """The next state: a class from `enter` on, the same while it has `leave`, else None.

    Args:
        shares: (3,) sum 1.
        state: the state so far.
        rules: the two thresholds.
    """
    best = int(shares.argmax())
    if shares[best] >= rules.enter:
        return best
    if state is not None and shares[state] >= rules.leave:
        return state
    return None
