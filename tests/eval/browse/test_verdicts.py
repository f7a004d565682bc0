"""What users say by tagging boxes."""

import pytest

from eval.browse.verdicts import TaggedBox, apply_verdicts, to_boxes

FACE = (10.0, 10.0, 50.0, 60.0)
NEAR = (12.0, 11.0, 51.0, 62.0)
FAR = (100.0, 10.0, 130.0, 50.0)
MASK, BARE, WRONG = 0, 1, 2


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        pytest.param([(FACE, MASK, ())], [(NEAR, BARE, ())], [(FACE, MASK)], id="nothing-said"),
        pytest.param([(FACE, MASK, ("drop",))], [], [], id="drop"),
        pytest.param([(FACE, MASK, ("incorrect",))], [], [(FACE, WRONG)], id="other-class"),
        pytest.param([(FACE, MASK, ("look", "fix"))], [], [(FACE, MASK)], id="other-tags"),
        pytest.param([(FACE, MASK, ("accept",))], [], [(FACE, MASK)], id="accept-a-true-one"),
        pytest.param([], [(FAR, BARE, ("drop",))], [], id="drop-a-found-one"),
        pytest.param(
            [(FACE, MASK, ())],
            [(FAR, BARE, ("accept",))],
            [(FACE, MASK), (FAR, BARE)],
            id="accept-adds",
        ),
        pytest.param(
            [(FACE, MASK, ())], [(NEAR, WRONG, ("accept",))], [(FACE, WRONG)], id="accept-reclasses"
        ),
        pytest.param([], [(FAR, BARE, ("with_mask",))], [(FAR, MASK)], id="found-as-other-class"),
        pytest.param(
            [(FACE, MASK, ("incorrect",))],
            [(NEAR, BARE, ("incorrect",))],
            [(FACE, WRONG)],
            id="a-patch-tags-both",
        ),
        pytest.param(
            [(FACE, MASK, ("incorrect",))],
            [(NEAR, BARE, ("accept",))],
            [(FACE, WRONG)],
            id="said-of-the-true-one-wins",
        ),
        pytest.param(
            [(FACE, MASK, ("drop",))],
            [(NEAR, BARE, ("accept",))],
            [(NEAR, BARE)],
            id="found-takes-the-place",
        ),
        pytest.param(
            [],
            [(FACE, MASK, ("accept",)), (NEAR, MASK, ("accept",))],
            [(FACE, MASK)],
            id="two-models-found-it",
        ),
        pytest.param(
            [(FACE, MASK, ("incorrect", "without_mask"))], [], [(FACE, BARE)], id="two-classes"
        ),
    ],
)
def test_verdicts(truth, found, expected):
    result = apply_verdicts(
        [TaggedBox(box, label, tags) for box, label, tags in truth],
        [TaggedBox(box, label, tags, 0.9) for box, label, tags in found],
    )
    assert [(each.box, each.class_id) for each in result] == expected
    boxes = to_boxes(result)
    assert boxes.class_ids.tolist() == [label for _, label in expected]
    assert (boxes.scores == 1).all()


def test_the_surer_of_two_accepted_boxes_is_taken():
    both = [TaggedBox(FACE, MASK, ("accept",), 0.4), TaggedBox(NEAR, BARE, ("accept",), 0.8)]
    (only,) = apply_verdicts([], both)
    assert (only.box, only.class_id) == (NEAR, MASK)
