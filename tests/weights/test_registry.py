from pathlib import Path

import pytest

from data.exceptions import WeightsError
from weights.registry import DEFAULT, SUMS, default_weights, find_weights, read_sums, verify

# As `sha256sum` and `sha256sum --binary` print them for the files below.
LINES = """\
9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c  maskwatch-n.onnx
d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa *other model.onnx
"""


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / DEFAULT).write_bytes(b"weights")
    (folder / "other model.onnx").write_bytes(b"other")
    (folder / SUMS).write_text(LINES, encoding="utf-8")
    return folder


def test_whole_files_pass(shipped: Path) -> None:
    assert default_weights(shipped) == shipped / DEFAULT
    verify(shipped / DEFAULT, shipped)
    verify(shipped / "other model.onnx", shipped)
    assert list(read_sums(shipped)) == [DEFAULT, "other model.onnx"]


def test_a_changed_file_is_refused(shipped: Path) -> None:
    (shipped / DEFAULT).write_bytes(b"weight5")
    with pytest.raises(WeightsError, match=r"maskwatch-n\.onnx: expected SHA-256 .*reinstall"):
        verify(shipped / DEFAULT, shipped)


def test_a_link_to_a_changed_file_is_refused(shipped: Path, tmp_path: Path) -> None:
    (shipped / DEFAULT).write_bytes(b"weight5")
    (tmp_path / "mine.onnx").symlink_to(shipped / DEFAULT)
    with pytest.raises(WeightsError, match="SHA-256"):
        verify(tmp_path / "mine.onnx", shipped)


def test_an_unlisted_file_is_refused(shipped: Path) -> None:
    (shipped / "new.onnx").write_bytes(b"new")
    with pytest.raises(WeightsError, match="expected a line in SHA256SUMS"):
        verify(shipped / "new.onnx", shipped)


def test_files_from_elsewhere_pass(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / DEFAULT).write_bytes(b"trained by the user")
    verify(tmp_path / DEFAULT, shipped)


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"expected the shipped weights.*--weights FILE"):
        default_weights(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"abc  short.onnx\n",
        b"g" * 64 + b"  letters.onnx\n",
        b"0" * 64 + b" one-space.onnx\n",
        b"0" * 64 + b"  \n",
        b"\n",
        b"\xff\xfe",
        None,
    ],
    ids=["short", "letters", "one-space", "no-name", "blank", "binary", "missing"],
)
def test_broken_checksums(shipped: Path, content: bytes | None) -> None:
    (shipped / SUMS).unlink()
    if content is not None:
        (shipped / SUMS).write_bytes(content)
    with pytest.raises(WeightsError, match=r"SHA256SUMS.*reinstall"):
        verify(shipped / DEFAULT, shipped)


@pytest.mark.parametrize("name", ["other model", "other model.onnx"])
def test_shipped_weights_by_name(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_weights(Path(name), shipped) == shipped / "other model.onnx"
    assert find_weights(None, shipped) == shipped / DEFAULT
    assert find_weights(Path("elsewhere", name), shipped) == Path("elsewhere", name)
    assert find_weights(Path("unknown.onnx"), shipped) == Path("unknown.onnx")
    (tmp_path / "other model.onnx").write_bytes(b"the user's own")
    assert find_weights(Path("other model.onnx"), shipped) == Path("other model.onnx")
