"""What makes training fast on a CPU changes nothing that is computed."""

import json
import platform
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from data.exceptions import TrainingError
from detector.config import TrainConfig
from eval.cli.main import main
from tests.conftest import SetBuilder


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries can't, or needn't")
def test_freed_memory_goes_back_to_the_system() -> None:
    def resident() -> int:
        """Pages of this process in memory."""
        return int(Path("/proc/self/statm").read_text().split()[1])

    from detector.worker import give_memory_back

    blocks = [bytearray(b"x") * 65_536 for _ in range(4_000)]  # 250 MB, 64,000 pages
    # What is taken last stays, at the top of the heap, so that nothing is returned by itself.
    pin = bytearray(b"x") * 65_536
    blocks.clear()
    held = resident()
    give_memory_back(None)
    assert held - resident() > 40_000
    assert len(pin) == 65_536


def test_channels_last_changes_no_result() -> None:
    import torch

    from detector.worker import lay_channels_last

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.SiLU(), torch.nn.Conv2d(8, 4, 3))
    picture = torch.rand(2, 3, 16, 16)
    expected = model(picture).detach()
    lay_channels_last(SimpleNamespace(model=model, ema=SimpleNamespace(ema=model)))
    assert model[2].weight.is_contiguous(memory_format=torch.channels_last)
    found = model(picture)
    assert found.is_contiguous(memory_format=torch.channels_last), "handed on from layer to layer"
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("capabilities", "has"),
    [
        pytest.param({"avx512_f": True, "avx512_bf16": True}, True, id="avx512"),
        pytest.param({"avx512_bf16": False, "amx_bf16": True}, True, id="amx"),
        pytest.param({"avx512_bf16": False, "amx_bf16": False, "avx2": True}, False, id="neither"),
        pytest.param({"architecture": "aarch64"}, False, id="others"),
    ],
)
def test_cpus_that_compute_in_bfloat16(
    capabilities: dict[str, bool | str], has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from detector.worker import check_bfloat16, has_bfloat16

    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert has_bfloat16() == has
    with nullcontext() if has else pytest.raises(TrainingError, match="--bfloat16"):
        check_bfloat16()


def test_torch_that_cannot_say_what_the_cpu_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from detector.worker import has_bfloat16

    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not has_bfloat16()


def test_bfloat16_is_for_convolutions_alone() -> None:
    """Results to three digits or so, weights and gradients in 32 bits."""
    import torch

    from detector.worker import compute_in_bfloat16

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.SiLU(), torch.nn.Conv2d(8, 4, 3))
    picture = torch.rand(2, 3, 16, 16)
    expected = model(picture)
    expected.square().mean().backward()
    gradients = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    compute_in_bfloat16(SimpleNamespace(model=model))
    found = model(picture)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, atol=0.01, rtol=0.02)
    found.float().square().mean().backward()
    for weight, gradient in zip(model.parameters(), gradients, strict=True):
        assert weight.dtype == weight.grad.dtype == torch.float32
        torch.testing.assert_close(weight.grad, gradient, atol=0.01, rtol=0.03)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_pictures_are_loaded_beside_where_memory_is_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import detector.worker as worker

    assert worker.cpu_workers(tmp_path / "none") == 0
    monkeypatch.setattr(worker, "ENOUGH_SHARED", 1)
    assert worker.cpu_workers(tmp_path) == 1
    monkeypatch.setattr(worker, "ENOUGH_SHARED", 2**60)
    assert worker.cpu_workers(tmp_path) == 0


@pytest.mark.parametrize("given", [False, True], ids=["left out", "given"])
@pytest.mark.parametrize("option", ["bfloat16", "freeze_bn", "one_head"])
def test_our_own_switches(
    make_set: SetBuilder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    given: bool,
) -> None:
    """Reach the process that trains, not ultralytics, which knows no such arguments."""
    monkeypatch.setattr("detector.train._run_worker", lambda *_: None)
    out = tmp_path / "run"
    options = [f"--{option.replace('_', '-')}"] if given else []
    assert main(["train", str(make_set()), "--out", str(out), "--device", "cpu", *options]) == 0
    config = TrainConfig(**json.loads((out / "run.json").read_text())["config"])
    assert getattr(config, option) == given
    assert option not in config.to_ultralytics()
