"""Can a small classifier tell two sources of pictures apart? (Classifier two-sample test,
Lopez-Paz & Oquab 2017.)

Trained and tested on different people and pictures, in folds; .5 means that it can't. Intervals are
by percentile bootstrap over those groups (Efron 1979).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.boxes import Floats, Ints
from data.extras import require
from data.images import Image
from eval.bootstrap import interval

FOLDS = 4
ROUNDS = 1000
EPOCHS = 14
_BATCH = 32
_RIDGE = 3.0
_SHIFT = 4  # px that crops are moved by in training

Bools = NDArray[np.bool_]
# (training inputs, their labels, test inputs, rng) to the scores of the test inputs, > 0 for 1.
Learner = Callable[[Any, Ints, Any, np.random.Generator], Floats]


@dataclass(frozen=True, eq=False)
class Told:
    """How well two sources were told apart.

    Attributes:
        accuracy: mean over both sources, 0 to 1; .5 is chance.
        interval: 95 % interval.
        scores: (N,) of each crop, from the fold that didn't train on it; > 0 means source 1.
        rounds: (R,) accuracies of the bootstrap.
    """

    accuracy: float
    interval: tuple[float, float] | None
    scores: Floats
    rounds: Floats


def tell_apart(
    inputs: Any,
    labels: Ints,
    groups: Sequence[str],
    learner: Learner,
    rng: np.random.Generator,
) -> Told:
    """Cross-validated accuracy of telling label 0 from label 1.

    Args:
        inputs: N inputs of the learner, an array.
        labels: (N,) 0 or 1, both present.
        groups: N names; a group lies whole in one fold.
        learner: trains on some, scores others.
        rng: of folds, learner and bootstrap.
    """
    names, index = np.unique(np.array(groups), return_inverse=True)
    fold_of = rng.permutation(np.arange(len(names)) % FOLDS)[index]
    scores = np.zeros(len(labels))
    for fold in range(FOLDS):
        test = fold_of == fold
        if test.any():
            scores[test] = learner(inputs[~test], labels[~test], inputs[test], rng)
    right = (scores > 0) == (labels == 1)
    rounds = _bootstrap(right, labels, index, rng)
    return Told(balanced_accuracy(right, labels), interval(rounds), scores, rounds)


def balanced_accuracy(right: Bools, labels: Ints, weights: Ints | None = None) -> float:
    """Mean of the two sources' shares of right answers, each crop counted `weights` (N,) times."""
    times = np.ones(len(labels)) if weights is None else weights
    shares = [
        (times * right)[labels == k].sum() / max(times[labels == k].sum(), 1e-9) for k in (0, 1)
    ]
    return float(np.mean(shares))


def _bootstrap(right: Bools, labels: Ints, index: Ints, rng: np.random.Generator) -> Floats:
    """(ROUNDS,) accuracies with groups drawn anew."""
    count = int(index.max()) + 1
    return np.array(
        [
            balanced_accuracy(
                right, labels, np.bincount(rng.integers(0, count, count), minlength=count)[index]
            )
            for _ in range(ROUNDS)
        ]
    )


def linear_learner(train: Floats, labels: Ints, test: Floats, rng: np.random.Generator) -> Floats:
    """Logistic regression with a ridge on standardised features, by Newton steps (IRLS)."""
    del rng  # nothing random in it
    centre, spread = train.mean(0), train.std(0) + 1e-6
    x = np.hstack([(train - centre) / spread, np.ones((len(train), 1))])
    ridge = _RIDGE * np.eye(x.shape[1])
    weights = np.zeros(x.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        hessian = x.T @ (x * (p * (1 - p) + 1e-6)[:, None]) + ridge
        weights -= np.linalg.solve(hessian, x.T @ (p - labels) + ridge @ weights)
    return np.asarray(np.hstack([(test - centre) / spread, np.ones((len(test), 1))]) @ weights)


def conv_learner(
    train: NDArray[np.uint8], labels: Ints, test: NDArray[np.uint8], rng: np.random.Generator
) -> Floats:
    """A net of four convolutions on (N, H, W, 3) crops, from random weights, AdamW; flipped and
    moved crops in training.

    Raises:
        MissingExtraError: if torch isn't installed.
    """
    torch = require("torch", "train")
    with torch.random.fork_rng(devices=[]), _one_thread(torch):
        torch.manual_seed(int(rng.integers(2**31)))
        net = _net(torch)
        _train(torch, net, train, labels, rng)
        net.eval()
        with torch.no_grad():
            scores = [net(_tensor(torch, test[k : k + 256])) for k in range(0, len(test), 256)]
    return np.asarray(torch.cat(scores)[:, 0].numpy(), dtype=np.float64)


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """Torch on one thread: sums in one order on every machine, and on a busy one threads that wait
    for each other take several times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _net(torch: Any) -> Any:
    nn = torch.nn

    def block(before: int, after: int) -> list[Any]:
        convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(after), nn.ReLU()]

    blocks = [*block(3, 16), *block(16, 32), *block(32, 64), *block(64, 64)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 1)]
    return nn.Sequential(*blocks, *head)


def _train(
    torch: Any, net: Any, crops: NDArray[np.uint8], labels: Ints, rng: np.random.Generator
) -> None:
    steps = EPOCHS * -(-len(crops) // _BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    loss_of = torch.nn.BCEWithLogitsLoss()
    for _ in range(EPOCHS):
        order = rng.permutation(len(crops))
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            batch = _tensor(torch, np.stack([_vary(crops[k], rng) for k in chosen]))
            target = torch.from_numpy(labels[chosen].astype(np.float32))[:, None]
            loss = loss_of(net(batch), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def _vary(crop: Image, rng: np.random.Generator) -> Image:
    """The crop in a mirror or not, moved by some pixels."""
    padded = np.pad(crop, ((_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)), mode="edge")
    top, left = rng.integers(0, 2 * _SHIFT + 1, 2)
    moved = padded[top : top + crop.shape[0], left : left + crop.shape[1]]
    return moved[:, ::-1] if rng.random() < 0.5 else moved


def _tensor(torch: Any, crops: NDArray[np.uint8]) -> Any:
    values = np.ascontiguousarray(crops.transpose(0, 3, 1, 2)).astype(np.float32)
    return torch.from_numpy(values / 127.5 - 1)
