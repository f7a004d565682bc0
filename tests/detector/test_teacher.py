"""Learning from a teacher: what is compared, who is asked when, and whole short runs."""

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from data.exceptions import TrainingError
from data.labels import CLASS_NAMES
from detector.config import TrainConfig
from detector.heads import drop_second_head
from detector.job import RUN_FILE
from detector.teacher import TaughtLoss, answers, ask, compare, learn_from, mirror, prepare_teacher
from detector.worker import teacher_checkpoints
from eval.cli.main import main
from tests.conftest import SetBuilder
from weights.registry import default_weights, find_weights

pytestmark = pytest.mark.usefixtures("private_cache")


def build(seed: int, *, one_head: bool) -> Any:
    """A network with random weights, whose answers differ from those of another seed."""
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(seed)
    module = DetectionModel("yolo26n.yaml", nc=3, verbose=False)
    module.args = get_cfg()
    module.names = dict(enumerate(CLASS_NAMES))
    if one_head:
        drop_second_head(module)
    for boxes, scores in zip(module.model[-1].cv2, module.model[-1].cv3, strict=True):
        torch.nn.init.uniform_(boxes[-1].bias, 1, 3)
        torch.nn.init.normal_(scores[-1].bias)
    return module


@pytest.fixture(params=[True, False], ids=["one head", "two heads"])
def network(request: pytest.FixtureRequest) -> Any:
    return build(0, one_head=request.param)


def make_batch() -> dict[str, Any]:
    return {
        "img": torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)),
        "batch_idx": torch.tensor([0.0, 1.0]),
        "cls": torch.tensor([[0.0], [2.0]]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.4, 0.5], [0.3, 0.4, 0.2, 0.3]]),
    }


def part_of(network: Any) -> Any:
    loss = network.init_criterion()
    return getattr(loss, "one2many", loss)


def test_who_answers_as_the_teacher_has_nothing_to_learn(network: Any) -> None:
    own = answers(network.train()(make_batch()["img"]))
    wanted = {"boxes": own["boxes"].detach(), "scores": own["scores"].detach().sigmoid()}
    lesson = compare(own, wanted, part_of(network))
    assert lesson[0].item() == pytest.approx(0, abs=1e-5)
    assert lesson[2].item() == pytest.approx(0, abs=1e-6)
    (pull,) = torch.autograd.grad(lesson[1], own["scores"])
    assert pull.abs().max() < 1e-7


def test_answers_come_nearer_to_the_teachers(network: Any) -> None:
    """By what is compared alone: scores and boxes."""
    teacher = prepare_teacher(build(1, one_head=True), Path("t.pt"))
    batch, part = make_batch(), part_of(network)
    wanted = ask([teacher], batch["img"])
    network.eval()  # its normalisations are those that answer
    optimizer = torch.optim.Adam(network.parameters(), 0.003)

    def off() -> tuple[float, float]:
        own = answers(network(batch["img"]))
        trust = wanted["scores"].amax(1, keepdim=True)
        scores = (own["scores"].sigmoid() - wanted["scores"]).abs().mean()
        return scores.item(), ((own["boxes"] - wanted["boxes"]).abs() * trust).mean().item()

    before = off()
    for _ in range(25):
        optimizer.zero_grad()
        compare(answers(network(batch["img"])), wanted, part).sum().backward()
        optimizer.step()
    after = off()
    assert after[0] < 0.6 * before[0]
    assert after[1] < 0.8 * before[1]


def test_boxes_where_the_teacher_sees_nothing_do_not_count(network: Any) -> None:
    own = answers(network.train()(make_batch()["img"]))
    wanted = {"boxes": own["boxes"].detach().clone(), "scores": own["scores"].detach().sigmoid()}
    wanted["scores"][..., 5:] = 0.0001
    wanted["boxes"][..., 5:] += 100.0
    assert compare(own, wanted, part_of(network))[0].item() == pytest.approx(0, abs=1e-5)
    wanted["boxes"][..., :5] += 1.0
    assert compare(own, wanted, part_of(network))[0].item() > 0.01


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_shares_of_labels_and_teacher(network: Any, share: float) -> None:
    batch, loss = make_batch(), network.init_criterion()
    teacher = prepare_teacher(build(1, one_head=True), Path("t.pt"))
    preds = network.train()(batch["img"])
    alone, told = loss(preds, batch)
    lesson = compare(answers(preds), ask([teacher], batch["img"]), part_of(network))
    total, items = TaughtLoss(loss, [teacher], share)(preds, batch)
    torch.testing.assert_close(total, (1 - share) * alone + share * 2 * lesson)
    for name, value in told.items():
        torch.testing.assert_close(items[name], value)


def test_classes_alone(network: Any) -> None:
    batch, loss = make_batch(), network.init_criterion()
    teacher = prepare_teacher(build(1, one_head=True), Path("t.pt"))
    preds = network.train()(batch["img"])
    alone = loss(preds, batch)[0]
    whole = TaughtLoss(loss, [teacher], 0.5)(preds, batch)[0]
    total = TaughtLoss(loss, [teacher], 0.5, boxes=False)(preds, batch)[0]
    torch.testing.assert_close(total[[0, 2]], alone[[0, 2]])
    torch.testing.assert_close(total[1], whole[1])
    assert not torch.allclose(whole, alone)


def test_mirror_images_are_asked_about_too(network: Any) -> None:
    batch, loss = make_batch(), network.init_criterion()
    teacher = prepare_teacher(build(1, one_head=True), Path("t.pt"))
    preds = network.train()(batch["img"])
    plain = TaughtLoss(loss, [teacher], 0.5)(preds, batch)[0]
    both = TaughtLoss(loss, [teacher], 0.5, mirrored=True)(preds, batch)[0]
    wanted = ask([teacher], batch["img"], mirrored=True)
    expected = 0.5 * loss(preds, batch)[0] + compare(answers(preds), wanted, part_of(network))
    torch.testing.assert_close(both, expected)
    assert not torch.allclose(both, plain)


@pytest.mark.parametrize("mirrored", [False, True], ids=["plain", "and mirrored"])
def test_teachers_are_heard_as_one(mirrored: bool) -> None:
    picture = make_batch()["img"]
    teachers = [prepare_teacher(build(seed, one_head=True), Path("t.pt")) for seed in (1, 2)]
    parts = [ask([teacher], picture, mirrored=mirrored) for teacher in teachers]
    found = ask(teachers, picture, mirrored=mirrored)
    torch.testing.assert_close(found["scores"], (parts[0]["scores"] + parts[1]["scores"]) / 2)
    low, high = (
        function(parts[0]["boxes"], parts[1]["boxes"])
        for function in (torch.minimum, torch.maximum)
    )
    assert ((found["boxes"] >= low - 1e-4) & (found["boxes"] <= high + 1e-4)).all()


def test_the_surer_of_two_places_the_box() -> None:
    def says(score: float, side: float) -> Any:
        feats = [torch.zeros(1, 8, 1, 2)]
        scores = torch.full((1, 3, 2), score).logit()
        return lambda _: {"boxes": torch.full((1, 4, 2), side), "scores": scores, "feats": feats}

    found = ask([says(0.75, 8.0), says(0.25, 4.0)], torch.zeros(1, 3, 8, 16))
    torch.testing.assert_close(found["boxes"], torch.full((1, 4, 2), 7.0))
    torch.testing.assert_close(found["scores"], torch.full((1, 3, 2), 0.5))


@pytest.mark.parametrize("bins", [1, 3])
def test_answers_about_mirror_images_are_turned_back(bins: int) -> None:
    """At two levels, 2 x 3 and 1 x 2 places: each place's answer is that of its counterpart."""
    feats = [torch.zeros(1, 8, 2, 3), torch.zeros(1, 8, 1, 2)]
    scores = torch.arange(8.0).view(1, 1, 8)
    sides = torch.arange(4.0).repeat_interleave(bins).view(1, 4 * bins, 1) * 10
    found = mirror({"boxes": sides + scores, "scores": scores, "feats": feats})
    places = torch.tensor([2.0, 1, 0, 5, 4, 3, 7, 6])
    torch.testing.assert_close(found["scores"], places.view(1, 1, 8))
    turned = torch.tensor([20.0, 10, 0, 30]).repeat_interleave(bins).view(1, 4 * bins, 1)
    torch.testing.assert_close(found["boxes"], turned + places)


def test_a_mirrored_answer_lies_where_the_face_is(network: Any) -> None:
    """Decoded by ultralytics: what is said of a place is what was said of its mirror image, the
    box turned around with it."""
    from ultralytics.utils.tal import make_anchors

    width = 96
    picture = torch.rand(1, 3, 64, width, generator=torch.Generator().manual_seed(1))
    part = part_of(network)
    for module in network.modules():  # statistics of this picture: else all places answer alike
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    network.train()(picture)
    teacher = prepare_teacher(network, Path("t.pt"))
    with torch.no_grad():
        asked = answers(teacher(picture.flip(3)))
    turned = mirror(asked)
    anchors, strides = make_anchors(asked["feats"], part.stride, 0.5)

    def decode(found: dict[str, Any]) -> Any:
        return part.bbox_decode(anchors, found["boxes"].permute(0, 2, 1))[0] * strides

    assert asked["scores"].std(dim=2).min() > 0.001
    centres = anchors * strides
    for (x, y), stride, box, scores in zip(
        centres, strides[:, 0], decode(turned), turned["scores"][0].T, strict=True
    ):
        there = (strides[:, 0] == stride) & (centres == torch.stack([width - x, y])).all(1)
        x1, y1, x2, y2 = decode(asked)[there][0]
        torch.testing.assert_close(box, torch.stack([width - x2, y1, width - x1, y2]))
        torch.testing.assert_close(scores, asked["scores"][0].T[there][0])


def test_the_teacher_is_not_asked_where_nothing_is_learnt(network: Any) -> None:
    def teacher(_: Any) -> Any:
        raise AssertionError

    batch, loss = make_batch(), network.init_criterion()
    preds = network.train()(batch["img"])
    with torch.no_grad():
        total, _ = TaughtLoss(loss, [teacher], 1.0)(preds, batch)
        torch.testing.assert_close(total, loss(preds, batch)[0])
    with pytest.raises(AssertionError):
        TaughtLoss(loss, [teacher], 1.0)(preds, batch)


def test_weights_of_two_heads_still_change_by_the_epoch() -> None:
    loss = SimpleNamespace(epochs=0)
    TaughtLoss(loss, [], 0.5).update()  # of one head: nothing to weigh
    loss.update = lambda: setattr(loss, "epochs", loss.epochs + 1)
    TaughtLoss(loss, [], 0.5).update()
    assert loss.epochs == 1


def test_a_teacher_answers_as_its_network_does_and_stays(network: Any) -> None:
    picture = make_batch()["img"]
    with torch.no_grad():
        expected = answers(copy.deepcopy(network).eval()(picture))
        found = answers(prepare_teacher(network, Path("t.pt"))(picture))
    for key in ("boxes", "scores"):
        torch.testing.assert_close(found[key], expected[key], atol=1e-4, rtol=1e-4)
    assert not any(weight.requires_grad for weight in network.parameters())


def test_teachers_of_other_classes_are_refused(network: Any) -> None:
    network.names = {0: "cat", 1: "dog", 2: "cow"}
    with pytest.raises(TrainingError, match=r"t\.pt: expected a teacher of .*, but it has cat, do"):
        prepare_teacher(network, Path("t.pt"))


def test_soft_labels_are_kept(random_checkpoint: Path) -> None:
    """The loss that is there is asked, not a new one."""
    from ultralytics import YOLO

    checkpoint = YOLO(str(random_checkpoint))
    checkpoint.model.names = dict(enumerate(CLASS_NAMES))
    path = random_checkpoint.with_name("named.pt")
    checkpoint.save(str(path))
    model = SimpleNamespace(criterion="softened")
    trainer = SimpleNamespace(model=model, device=torch.device("cpu"))
    learn_from(trainer, [str(path), str(path)], mirrored=True)
    assert isinstance(model.criterion, TaughtLoss)
    assert len(model.criterion.teachers) == 2
    assert model.criterion.mirrored
    assert model.criterion.loss == "softened"


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param({"teachers": ["/far/big.pt"]}, ["/far/big.pt"], id="checkpoint"),
        pytest.param({"teachers": ["/far/big.onnx"]}, ["run/weights/teacher.pt"], id="ONNX"),
        pytest.param(
            {"teachers": ["/far/a.onnx", "/far/b.pt", "/far/c.onnx"]},
            ["run/weights/teacher.pt", "/far/b.pt", "run/weights/teacher2.pt"],
            id="several",
        ),
        pytest.param({"teachers": []}, [], id="none"),
        pytest.param({"teacher": "/far/big.onnx"}, ["run/weights/teacher.pt"], id="older: one"),
        pytest.param({"teacher": None}, [], id="older: none"),
        pytest.param({}, [], id="run from before there were any"),
    ],
)
def test_whom_a_run_asks(job: dict[str, Any], expected: list[str]) -> None:
    found = teacher_checkpoints(Path("run"), job)
    assert [Path(path) for path in found] == [Path(path) for path in expected]


@pytest.mark.parametrize("mirrored", [False, True], ids=["", "mirrored"])
@pytest.mark.parametrize("alone", [False, True], ids=["boxes too", "classes alone"])
def test_what_the_command_line_hands_on(
    make_set: SetBuilder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    alone: bool,
    mirrored: bool,
) -> None:
    monkeypatch.setattr("detector.train._run_worker", lambda *_: None)
    out, shipped = tmp_path / "run", default_weights()
    command = ["train", str(make_set()), "--out", str(out), "--device", "cpu"]
    command += ["--teacher", shipped.stem, "--teacher", "maskwatch-s"]
    command += ["--teacher-classes"] * alone + ["--teacher-mirrored"] * mirrored
    assert main(command) == 0
    job = json.loads((out / RUN_FILE).read_text())
    names = [find_weights(Path(name)) for name in (shipped.stem, "maskwatch-s")]
    assert [Path(teacher) for teacher in job["teachers"]] == [name.resolve() for name in names]
    config = TrainConfig(**job["config"])
    assert config.teacher_boxes != alone
    assert config.teacher_mirrored == mirrored
    assert not {"teacher_boxes", "teacher_mirrored"} & set(config.to_ultralytics())


@pytest.mark.parametrize("option", ["--teacher-classes", "--teacher-mirrored"])
def test_options_of_no_teacher(
    make_set: SetBuilder, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    command = ["train", str(make_set()), "--out", str(tmp_path / "run"), option]
    assert main(command) == 2
    assert f"expected --teacher FILE with {option}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("teacher", "found"),
    [
        pytest.param("no_such_model", "there are none", id="nothing"),
        pytest.param("nowhere/best.pt", "there are none", id="no file"),
        pytest.param(__file__, "it is another file", id="no weights"),
    ],
)
def test_what_is_no_teacher(
    make_set: SetBuilder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    teacher: str,
    found: str,
) -> None:
    out = tmp_path / "run"
    options = ["--out", str(out), "--device", "cpu", "--teacher", teacher]
    assert main(["train", str(make_set()), *options]) == 1
    error = capsys.readouterr().err
    assert "expected a teacher's weights" in error
    assert found in error
    assert not out.exists()
