"""The three-way vote."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.labels import CLASS_NAMES
from detector.video.vote import RULES, Vote, cast, decide, look

CLASS = st.integers(0, 2)
SCORE = st.floats(0, 1)
LOOKS = st.lists(st.tuples(CLASS, SCORE, st.floats(0, 100)), max_size=60)


def _run(looks, elapsed=0.04):
    """Verdicts after each (class, score) of `looks`."""
    vote, verdicts = Vote(), []
    for class_id, score in looks:
        vote = cast(vote, class_id, score, elapsed)
        verdicts.append(vote.verdict())
    return verdicts


@given(LOOKS)
def test_shares_are_shares(looks):
    vote = Vote()
    for class_id, score, elapsed in looks:
        vote = cast(vote, class_id, score, elapsed)
    shares = vote.shares()
    assert shares.sum() == pytest.approx(1)
    assert ((shares > 0) & (shares < 1)).all()
    assert vote.evidence.sum() == pytest.approx(0, abs=1e-9)


@given(CLASS, st.floats(0.3, 1))
def test_steady_looks_win(class_id, score):
    state, share = _run([(class_id, score)] * 100)[-1]
    assert state == CLASS_NAMES[class_id]
    assert share >= RULES.enter


@given(LOOKS, st.permutations(range(3)))
def test_no_class_is_preferred(looks, names):
    vote, renamed = Vote(), Vote()
    for class_id, score, elapsed in looks:
        vote = cast(vote, class_id, score, elapsed)
        renamed = cast(renamed, names[class_id], score, elapsed)
    np.testing.assert_allclose(renamed.shares()[names], vote.shares(), atol=1e-9)


@given(CLASS, st.floats(0.2, 1), st.integers(1, 30))
def test_frames_per_second_make_no_difference(class_id, score, parts):
    """One look for 0.2 s, or many short ones for the same time."""
    once = cast(Vote(), class_id, score, 0.2)
    vote = Vote()
    for _ in range(parts):
        vote = cast(vote, class_id, score, 0.2 / parts)
    np.testing.assert_allclose(vote.evidence, once.evidence, atol=1e-9)


@given(CLASS, SCORE, SCORE)
def test_a_higher_score_weighs_more(class_id, first, second):
    low, high = sorted((first, second))
    assert look(class_id, low)[class_id] <= look(class_id, high)[class_id]


def test_a_score_of_zero_says_nothing():
    np.testing.assert_allclose(look(1, 0.0), 0, atol=1e-12)


@given(st.lists(st.floats(0.05, 1), min_size=3, max_size=3), st.sampled_from([None, 0, 1, 2]))
def test_a_state_that_holds_stays(parts, state):
    """Hysteresis: deciding again on the same shares changes nothing."""
    shares = np.array(parts) / sum(parts)
    once = decide(shares, state)
    assert decide(shares, once) == once


def test_single_mistakes_change_nothing():
    looks = [(0, 0.8)] * 25 + [(2, 0.9)] + [(0, 0.8)] * 5 + [(1, 0.9)] * 2 + [(0, 0.8)] * 20
    states = [state for state, _ in _run(looks)]
    assert set(states[5:]) == {"with_mask"}


def test_a_real_change_is_noticed_within_a_second():
    looks = [(0, 0.85)] * 50 + [(1, 0.85)] * 50
    states = [state for state, _ in _run(looks)]
    assert states[49] == "with_mask"
    assert 3 < states[50:].index("without_mask") < 25


def test_classes_that_contradict_each_other_leave_it_unsure():
    states = [state for state, _ in _run([(0, 0.4), (2, 0.4)] * 100)]
    assert set(states) == {"unsure"}


def test_after_a_gap_one_look_is_not_everything():
    vote = Vote()
    for _ in range(50):
        vote = cast(vote, 0, 0.8, 0.04)
    assert cast(vote, 2, 0.4, 60.0).verdict()[0] == "with_mask"
