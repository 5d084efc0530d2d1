"""The floors of the project: who may import whom, and what no file may hold.

Imports are read from the source, those inside functions and under TYPE_CHECKING included, and nothing is executed.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

ALLOWED = {
    "configs": ("configs",),
    "datamodules": ("datamodules", "configs"),
    "report": ("report", "configs"),
    "interpretability": ("interpretability", "configs.errors"),
    "models": ("models", "interpretability", "datamodules.batch", "report.run_folder", "configs"),
    "callbacks": ("callbacks", "models", "interpretability", "datamodules", "report", "configs"),
}
"""Floor -> what its files may import of ours; scripts stand above all and are imported by nobody."""

FOREIGN = {
    "configs": ("torch", "torchaudio", "torchmetrics", "pytorch_lightning", "lightning", "wandb"),
    "datamodules": ("wandb",),
    "report": ("torch", "torchaudio", "torchmetrics", "pytorch_lightning", "lightning", "wandb"),
    "interpretability": ("pytorch_lightning", "lightning", "wandb"),
}
"""Floor -> packages of others that its files must do without."""

LINES = 300
HOSTS = ("pypi org", "pythonhosted org", "npmjs org", "anaconda org", "download pytorch org", "debian org", "crates io")
FOLDERS = ("work", "root", "tmp", "home", "Users")
# Both are written apart here, so that this file does not hold what it looks for.
REGISTRY = re.compile("|".join(re.escape(host.replace(" ", ".")) for host in HOSTS))
MACHINE_PATH = re.compile(rf"(?<![\w.~}}\])/-])/(?:{'|'.join(FOLDERS)})(?:/|\b)")

SCRIPTS = sorted(path.stem for path in REPOSITORY.glob("*.py"))
OURS = (*ALLOWED, *SCRIPTS)


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the dotted names that a file of `package` imports, with those it takes from them: `a.b` and `a.b.c`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = [*above, node.module] if node.module else above
            yield from (".".join([*module, alias.name]) for alias in node.names)


def stands_in(name: str, places: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of `places` or lies within one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def faults(source: str, package: str) -> list[str]:
    """What a file of `package` imports against the rules of its floor."""
    floor = package.split(".")[0]
    names = list(imports(ast.parse(source), package))
    wrong = [name for name in names if stands_in(name, OURS) and not stands_in(name, ALLOWED[floor])]
    return wrong + [name for name in names if stands_in(name, FOREIGN.get(floor, ()))]


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the dotted package and path of every file on a floor."""
    for floor in ALLOWED:
        for path in sorted((REPOSITORY / floor).rglob("*.py")):
            yield ".".join(path.parent.relative_to(REPOSITORY).parts), path


def tracked() -> list[Path]:
    """The files under version control."""
    result = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True)
    if result.returncode:
        pytest.skip("not a git checkout: there is no list of tracked files")
    return [path for name in result.stdout.split("\0") if name and (path := REPOSITORY / name).is_file()]


@pytest.mark.parametrize("floor", ALLOWED)
def test_no_import_points_up(floor: str) -> None:
    files = [(package, path) for package, path in modules() if stands_in(package, (floor,))]
    assert files
    wrong = {str(path.relative_to(REPOSITORY)): faults(path.read_text(), package) for package, path in files}
    assert not {path: names for path, names in wrong.items() if names}


@pytest.mark.parametrize(
    ("package", "source", "fault"),
    [
        ("models", "from datamodules.batch import Batch", None),
        ("models", "from datamodules import batch", None),
        ("models", "from datamodules.splits import split_validation", "datamodules.splits.split_validation"),
        ("models", "import callbacks.progress", "callbacks.progress"),
        ("datamodules", "def f():\n    from models.nmf import NMF", "models.nmf.NMF"),
        ("interpretability.listening", "from configs.errors import InputError", None),
        ("interpretability.listening", "from configs.schema import Config", "configs.schema.Config"),
        ("interpretability.listening", "from ..generation import priors", None),
        ("interpretability.listening", "from ... import models", "models"),
        ("configs", "def f():\n    import torch.nn", "torch.nn"),
        ("configs", "import torchlike", None),
        ("report", "if TYPE_CHECKING:\n    from torch import Tensor", "torch.Tensor"),
        ("callbacks", "from train import train", "train.train"),
    ],
)
def test_the_rules_find_what_they_forbid(package: str, source: str, fault: str | None) -> None:
    assert faults(source, package) == ([fault] if fault else [])


def at_the_top(tree: ast.Module) -> ast.Module:
    """The statements that run when a file is imported, without functions, classes and `if TYPE_CHECKING`."""
    later = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If)
    return ast.Module([node for node in tree.body if not isinstance(node, later)], [])


def test_no_import_goes_in_a_circle() -> None:
    names = {package if path.stem == "__init__" else f"{package}.{path.stem}": path for package, path in modules()}
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        used = imports(at_the_top(ast.parse(path.read_text())), package)
        graph[name] = {module if module in names else module.rpartition(".")[0] for module in used} & set(names)
    assert sum(map(len, graph.values())) > len(graph) / 2
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_files_are_short() -> None:
    sources = [path for path in tracked() if path.suffix in (".py", ".js", ".css")]
    assert sources
    counts = {str(path.relative_to(REPOSITORY)): len(path.read_text().splitlines()) for path in sources}
    assert not {path: count for path, count in counts.items() if count > LINES}


def test_no_registry_and_no_path_of_one_machine() -> None:
    found = []
    for path in tracked():
        text = path.read_bytes().decode(errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            found += [f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()[:100]}"] * bool(
                REGISTRY.search(line) or MACHINE_PATH.search(line)
            )
    assert not found


def test_the_patterns_find_what_they_forbid() -> None:
    assert REGISTRY.search("https://" + "files." + ".".join(("pythonhosted", "org")) + "/x")
    assert not REGISTRY.search("https://pytorch.org/get-started/locally")
    for text in ("see /{} for", "cd /{}/main", "'/{}/x'", "=/{}"):
        assert all(MACHINE_PATH.search(text.format(folder)) for folder in FOLDERS)
    for text in ("data/root/x", "~/work", "a /{rest}", "./tmp/x", "https://host/work/x", "tmp_path / 'x'", "/workers"):
        assert not MACHINE_PATH.search(text)
