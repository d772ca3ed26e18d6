"""The wheel is whole: the wings, links in the tree, are real files in it, and every module of it imports."""

import ast
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WINGS = ("agents", "protocols", "render", "world")


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command as if nobody had set a Python path; fail with all it said."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{command} in {cwd}:\n{done.stdout}"
    return done.stdout


def modules_in(folder: Path) -> set[str]:
    """Name the Python files under a folder, the linked wings included."""
    names = {path.relative_to(folder).as_posix() for path in folder.glob("*.py")}
    for wing in WINGS:
        names |= {f"{wing}/{path.relative_to(folder / wing).as_posix()}" for path in (folder / wing).rglob("*.py")}
    return names


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what the build reads, links as links, so that no old build/ and no .egg-info has a say."""
    copy = tmp_path_factory.mktemp("tree")
    leftovers = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", *WINGS):
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=leftovers)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source archive and from that the wheel: if either loses a file, the wheel has lost it."""
    out = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, tree, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone into an empty environment that borrows the dependencies of this one."""
    home = tmp_path_factory.mktemp("empty")
    venv.create(home, symlinks=os.name != "nt")
    places = sysconfig.get_paths("venv", vars={"base": str(home), "platbase": str(home)})
    python = Path(places["scripts"], "python.exe" if os.name == "nt" else "python")
    call(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=home)
    # A folder named in a .pth is searched last, and the .pth files in it, our own editable install's too, are not read.
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(places["purelib"], "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n", encoding="utf-8")
    return python


def test_the_wheel_holds_every_module_of_the_tree_and_the_typing_marker(tree: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.removeprefix("stalegrid/") for name in archive.namelist() if name.startswith("stalegrid/")}
    assert names == modules_in(tree / "src" / "stalegrid") | {"py.typed"}


def test_the_wings_are_links_in_the_tree_and_real_files_in_the_wheel(wheel: Path) -> None:
    for wing in WINGS:
        assert (ROOT / "src" / "stalegrid" / wing).readlink() == Path("..", "..", wing)
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            assert not stat.S_ISLNK(entry.external_attr >> 16), entry.filename
        for wing in WINGS:
            assert archive.read(f"stalegrid/{wing}/__init__.py") == (ROOT / wing / "__init__.py").read_bytes()


def test_every_module_of_the_wheel_imports_in_an_empty_environment(wheel: Path, installed: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = [Path(name) for name in archive.namelist() if name.endswith(".py")]
    names = [".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files]
    script = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    module = importlib.import_module(name)\n"
        "    assert module.__file__.startswith(sys.prefix), module.__file__\n"
    )
    call(installed, "-c", script, *(name for name in names if not name.endswith("__main__")), cwd=installed.parent)


def test_the_installed_command_and_the_module_answer_help(installed: Path) -> None:
    command = installed.with_stem("stalegrid")
    for start in ([command], [installed, "-m", "stalegrid"]):
        assert "compare" in call(*start, "--help", cwd=installed.parent)


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_imports_the_other_wings_relatively(wing: str) -> None:
    for path in (ROOT / wing).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            tops = {name.partition(".")[0] for name in names}
            assert not tops & {*WINGS, "stalegrid"}, f"{path}:{getattr(node, 'lineno', 0)} says {names}"
