"""Rules that no reviewer should have to look for: layers, late imports, what is committed."""

import ast
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from eval.cli.main import VERBS

ROOT = Path(__file__).parents[1]
PACKAGES = ("data", "synth", "detector", "weights", "eval")
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
CLI = ROOT / "eval" / "cli"

# Which of our modules each layer may import. `weights` only finds and verifies files.
LAYERS: dict[str, tuple[str, ...]] = {
    "data": ("data",),
    "weights": ("weights", "data"),
    "synth": ("synth", "data", "weights", "detector.runtime"),
    "detector": ("detector", "data", "weights"),
    "eval": ("eval", "data", "synth", "detector", "weights"),
    "eval.cli": PACKAGES,
}
HEAVY = {
    *("albumentations", "distributed", "dlib", "faster_coco_eval", "fiftyone"),
    *("matplotlib", "openvino", "torch", "ultralytics"),
}

# Written so that they don't match their own text.
REGISTRY_HOSTS = re.compile(
    rb"(files\.)?python[h]osted\.org|pypi[.]org|registry\.npm[j]s\.org|deb\.deb[i]an\.org"
)
MACHINE_PATHS = re.compile(rb"(?<![\w.])/(root|work|home/[\w.-]+|Users/[\w.-]+)/")


def _name(path: Path) -> str:
    """data/formats/coco.py is `data.formats.coco`, data/__init__.py is `data`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Line and full name of every import; `from a import b` is `a.b`, whether module or not.

    `package` is what the dots of a relative import start from.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: -node.level + 1 or None] if node.level else []
            source = ".".join([*parents, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def _at_import(tree: ast.Module) -> ast.Module:
    """What runs when the module is imported: no function bodies, nothing for type checkers."""

    class Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.AST:
            if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
                return ast.Module(body=node.orelse, type_ignores=[])
            return self.generic_visit(node)

    stripped = Strip().visit(tree)
    assert isinstance(stripped, ast.Module)
    return stripped


def _lies_in(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _breaches(code: str, module: str, package: str) -> list[str]:
    """Imports in `code` that the layer of `module` may not have."""
    layer = "eval.cli" if _lies_in(module, ("eval.cli",)) else module.split(".")[0]
    allowed = LAYERS[layer]
    return [
        f"{module}:{line} imports {name}"
        for line, name in _imports(ast.parse(code), package)
        if _lies_in(name, (*PACKAGES, "tests"))
        and (not _lies_in(name, allowed) or (layer == "eval" and _lies_in(name, ("eval.cli",))))
    ]


@pytest.mark.parametrize(
    ("code", "module", "count"),
    [
        pytest.param("from data.boxes import Boxes", "synth.scene", 0, id="down"),
        pytest.param("from synth import scene", "data.boxes", 1, id="up"),
        pytest.param("def f():\n    import eval", "detector.train", 1, id="up in a function"),
        pytest.param("from detector.runtime import D", "synth.faces", 0, id="synth to runtime"),
        pytest.param("from detector import train", "synth.faces", 1, id="synth to training"),
        pytest.param("from eval.cli import main", "eval.report", 1, id="eval to its cli"),
        pytest.param("import detector.train", "eval.cli.train", 0, id="cli to anything"),
        pytest.param("from tests import conftest", "eval.cli.train", 1, id="tests"),
        pytest.param("from . import cli", "eval.report", 1, id="relative"),
        pytest.param("import database, evaluate", "data.boxes", 0, id="names that begin alike"),
    ],
)
def test_breaches_are_seen(code: str, module: str, count: int) -> None:
    assert len(_breaches(code, module, module.rpartition(".")[0])) == count


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_run_downward(path: Path) -> None:
    module = _name(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    assert not _breaches(path.read_text(encoding="utf-8"), module, package)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_heavy_modules_are_imported_late(path: Path) -> None:
    early = _imports(_at_import(_parse(path)), _name(path))
    assert not [(line, name) for line, name in early if name.split(".")[0] in HEAVY]


def test_early_imports_are_told_from_late_ones() -> None:
    code = (
        "import torch\n"
        "if TYPE_CHECKING:\n    import dlib\nelse:\n    import fiftyone\n"
        "class A:\n    import matplotlib.pyplot\n    def f(self):\n        import ultralytics\n"
    )
    names = {name for _, name in _imports(_at_import(ast.parse(code)), "")}
    assert names == {"torch", "fiftyone", "matplotlib.pyplot"}


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_error_is_swallowed_wholesale(path: Path) -> None:
    handlers = [n for n in ast.walk(_parse(path)) if isinstance(n, ast.ExceptHandler)]
    broad = re.compile(r"\b(Base)?Exception\b")
    assert not [
        handler.lineno
        for handler in handlers
        if handler.type is None or broad.search(ast.unparse(handler.type))
    ]


@pytest.mark.parametrize("path", [p for p in MODULES if CLI not in p.parents], ids=_name)
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [node for node in ast.walk(_parse(path)) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if ast.unparse(call.func) == "print"]


def test_every_verb_is_registered() -> None:
    verbs = set()
    for path in CLI.glob("*.py"):
        names = {node.name for node in _parse(path).body if isinstance(node, ast.FunctionDef)}
        if "add_arguments" in names:
            assert "run" in names, f"{path.name} takes arguments but doesn't run"
            verbs.add(path.stem)
    assert verbs == set(VERBS)


def _git(*arguments: str) -> list[str]:
    command = ["git", "-C", str(ROOT), *arguments, "-z"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


@pytest.fixture(scope="session")
def tracked() -> dict[str, bytes]:
    """Every committed file that is on disk; pictures and weights as well, they carry metadata."""
    names = _git("ls-files")
    return {name: (ROOT / name).read_bytes() for name in names if (ROOT / name).is_file()}


@pytest.mark.parametrize(
    ("pattern", "matching"),
    [
        pytest.param(REGISTRY_HOSTS, "files.python" + "hosted.org", id="registry"),
        pytest.param(MACHINE_PATHS, "open('/ro" + "ot/x.jpg')", id="machine path"),
    ],
)
def test_nothing_of_one_machine_is_committed(
    tracked: dict[str, bytes], pattern: re.Pattern[bytes], matching: str
) -> None:
    assert pattern.search(matching.encode())
    found = {
        name: match.group().decode()
        for name, content in tracked.items()
        if (match := pattern.search(content))
    }
    assert not found


def test_lock_file_is_not_committed(tracked: dict[str, bytes]) -> None:
    assert "pyproject.toml" in tracked
    assert "uv.lock" not in tracked


def test_exactly_one_opencv_is_installed() -> None:
    """Two overwrite each other's files: `opencv-python-headless` takes the windows away."""
    names = {distribution.metadata["Name"].lower() for distribution in distributions()}
    assert {name for name in names if name.startswith("opencv")} == {"opencv-python"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names in the wheel; uv builds it without network where it is of the version of uv_build."""
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv, "expected uv, which builds the wheel; run the tests with: uv run pytest"
    out = tmp_path_factory.mktemp("wheel")
    command = [uv, "build", "--wheel", "--quiet", "--out-dir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path).namelist()


def test_wheel_holds_every_committed_file_of_the_packages(
    wheel: list[str], tracked: dict[str, bytes]
) -> None:
    ours = {name for name in tracked if name.split("/")[0] in PACKAGES}
    assert {f"{package}/py.typed" for package in PACKAGES} <= ours
    assert ours <= set(wheel)


@pytest.mark.parametrize(
    "name",
    [
        "data/__init__.py",
        "eval/templates/page.html",
        "synth/face_model.csv",
        "weights/SHA256SUMS",
        "weights/maskwatch-n.onnx",
    ],
)
def test_wheel_holds_what_is_read_at_run_time(wheel: list[str], name: str) -> None:
    assert name in wheel


def test_wheel_holds_the_licence_and_nothing_that_git_ignores(wheel: list[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)
    ignored = _git("ls-files", "--others", "--ignored", "--exclude-standard", "--", *PACKAGES)
    assert not set(ignored) & set(wheel)
