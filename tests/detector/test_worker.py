"""What makes training fast on a CPU changes nothing that is computed."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest


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
