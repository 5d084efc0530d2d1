"""README and CONTRIBUTING hold what they promise: commands run, examples work, settings, targets and files exist."""

import csv
import dataclasses
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from configs import registry
from configs.benchmark_schema import ExplanationsBenchmark, SanityBenchmark
from configs.classification_schema import ClassificationBenchmark
from configs.compose import Printout, compose, parse, to_yaml
from configs.explain_schema import ExplainConfig
from configs.fields import settings
from configs.layers import flatten
from configs.merge import node_types
from configs.plain import to_plain
from configs.schema import Config
from configs.script_line import script_settings
from configs.unlearn_schema import UnlearnConfig, UnlearningBenchmark

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("configs", "datamodules", "models", "callbacks", "interpretability", "report")
TEXTS = {name: (REPOSITORY / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "docs/results.md")}
SHOWN = ("README.md", "docs/results.md")
MAKEFILE = (REPOSITORY / "Makefile").read_text()

OF_SCRIPT = {"explain.py": ExplainConfig, "unlearn.py": UnlearnConfig}

SMALL = shlex.split(
    "trainer.max_epochs=1 trainer.accelerator=cpu trainer.threads=1 trainer.progress=false logger.wandb=disabled "
    "data.batch_size=8 model.nmf.updates=2 model.nmf.frames=400 model.n_components=4 backbone.width=4"
)
SMALL_SCENES = ["data.n_train=16", "data.n_val=12", "data.n_test=12"]


def blocks(name: str, language: str) -> list[str]:
    """The fenced blocks of a language in a text."""
    return re.findall(rf"^```{language}\n(.*?)^```", TEXTS[name], flags=re.M | re.S)


def inline(name: str) -> list[str]:
    """The pieces of inline code of a text, outside its fenced blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", TEXTS[name], flags=re.M | re.S))


def commands(texts: tuple[str, ...] = SHOWN) -> list[str]:
    """Every command of the texts and every recipe of the Makefile that starts with `python train.py`."""
    fenced = [line for name in texts for block in blocks(name, "bash") for line in block.splitlines()]
    recipes = [line.removeprefix("\t$(BIN)/").removesuffix(" $(ARGS)") for line in MAKEFILE.splitlines()]
    found = [line for line in (*recipes, *fenced, *inline("README.md")) if line.startswith("python train.py")]
    return list(dict.fromkeys(found))


def modules(name: str, folder: Path) -> list[Path]:
    """Write the Python examples of a text below a folder, each to the file its first line names; append if it is there.

    Returns:
        The files that are new.
    """
    new = []
    for block in blocks(name, "python"):
        path = folder / block.splitlines()[0].removeprefix("# ")
        new += [] if path.exists() else [path]
        path.write_text(path.read_text() + "\n\n" + block if path.exists() else block.partition("\n")[2])
    return new


def whole(block: str) -> list[str]:
    """Lines of a block of commands, those that go on joined."""
    return block.replace("\\\n", " ").splitlines()


def test_the_commands_of_the_other_scripts_are_right() -> None:
    fenced = [line for name in SHOWN for block in blocks(name, "bash") for line in whole(block)]
    scripts = ("python benchmark.py", "python explain.py", "python unlearn.py")
    lines = [line for line in dict.fromkeys(fenced) if line.startswith(scripts)]
    schemas = {"explanations": ExplanationsBenchmark, "sanity": SanityBenchmark, "unlearning": UnlearningBenchmark}
    assert {line.split()[2] for line in lines} >= set(schemas)
    schemas["classification"] = ClassificationBenchmark
    for line in lines:
        script, *words = shlex.split(line)[1:]
        schema = schemas[words.pop(0)] if script == "benchmark.py" else OF_SCRIPT[script]
        of_trainings = schema is ClassificationBenchmark
        words = [word for word in words if not (of_trainings and "." in word.partition("=")[0])]
        assert dataclasses.is_dataclass(script_settings(schema, "", words))


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The README's examples on the import path; what they register is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_components", dict(registry._components))
    before = set(sys.modules)
    new = modules("README.md", tmp_path)
    assert new
    yield tmp_path
    for name in set(sys.modules) - before:
        if name in {path.stem for path in new}:
            del sys.modules[name]


def arguments(command: str, path: Path, run: Path) -> list[str]:
    """The arguments of a command, with its placeholders filled in."""
    words = shlex.split(command)[2:]
    return [word.replace("=PATH", f"={path}").replace("=RUN", f"={run}") for word in words]


def test_there_are_commands() -> None:
    assert len(commands()) >= 10
    assert "python train.py experiment=sound_scenes_by_design twin=true" in commands()


@pytest.mark.parametrize("command", commands())
def test_every_command_is_understood(command: str, plugins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (plugins / "config.yaml").write_text(to_yaml(compose([])))
    answer = parse(arguments(command, plugins, plugins))
    assert isinstance(answer, Printout) == ("--" in command)
    assert "warning" not in capsys.readouterr().err


def test_settings_exist() -> None:
    nodes = {"data": "dataset", "backbone": "backbone", "model": "model"}
    choices = [{node: name} for node, kind in nodes.items() for name in registry.names(kind)]
    known = {item.key for choice in choices for item in settings(Config, replaced=node_types(choice))}
    groups = "|".join({key.partition(".")[0] for key in known if "." in key} - {"callbacks"})
    pattern = re.compile(rf"((?:{groups})(?:\.[a-z_]+)+)(?:=\S*)?")
    found = {match[1] for name in TEXTS for code in inline(name) if (match := pattern.fullmatch(code))}
    assert len(found) > 15
    assert not found - known


def test_table_of_settings_gives_the_defaults() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| `([^`]+)` \|", TEXTS["README.md"], flags=re.M)
    assert len(rows) > 10
    defaults = flatten(to_plain(Config()))
    shown = {
        key: str(defaults[key]).lower() if isinstance(defaults[key], bool) else str(defaults[key]) for key, _ in rows
    }
    assert dict(rows) == shown


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_targets_and_files_exist(name: str) -> None:
    code = [*inline(name), *(line for block in blocks(name, "bash") for line in block.splitlines())]
    targets = {piece.split()[1] for piece in code if re.match(r"make [a-z-]+", piece)}
    assert {"train", "test"} & targets
    assert not {target for target in targets if not re.search(rf"^{target}:.* ## ", MAKEFILE, flags=re.M)}
    linked = set(re.findall(r"\]\((?!http)([^)]+)\)", TEXTS[name]))
    named = {piece for piece in code if re.fullmatch(r"(?!meta/)[\w./-]+/[\w.-]+\.(py|md)", piece)}
    assert named
    assert not {path for path in linked | named if not (REPOSITORY / path).is_file()}


def test_help_lists_every_target() -> None:
    call = ["make", "--no-print-directory", "help"]  # the tests themselves may have been called by make
    text = subprocess.run(call, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.M)
    assert phony
    assert [line.split()[0] for line in text.splitlines()[1:]] == phony[1].split()


def test_the_network_of_the_readme_keeps_padding_out(plugins: Path) -> None:
    import torch

    compose(["plugins=[my_network]", "backbone.name=two_layers"])
    part = registry.component("backbone", "two_layers")
    network = part.load()(part.config(name="two_layers"), 64).eval()
    torch.manual_seed(0)
    clip = torch.randn(1, 1, 64, 40)
    padded = torch.cat([clip, torch.full((1, 1, 64, 23), 5.0)], dim=-1)
    alone, beside = network(clip), network(padded, torch.tensor([40]))
    torch.testing.assert_close(beside.embedding, alone.embedding)
    assert not torch.allclose(network(padded).embedding, alone.embedding)
    assert not beside.maps["second"][..., 10:].any()


def write_recordings(folder: Path) -> None:
    """Twelve short tones of two classes, in class folders and in a table."""
    import soundfile

    rows = ["path,labels,group"]
    for number in range(24):
        label = ("low", "high")[number % 2]
        path = folder / label / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        tone = 0.5 * np.sin(2 * np.pi * (200 + 1500 * (number % 2) + number) * np.arange(8000) / 16000)
        soundfile.write(path, tone, 16000)
        rows.append(f"{label}/{number}.wav,{'low;high' if number % 5 == 0 else label},g{number // 2}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the program with the examples of both texts in it, and recordings."""
    folder = tmp_path_factory.mktemp("workshop")
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("train.py", "explain.py", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, folder / name)
    modules("README.md", folder)
    new = modules("CONTRIBUTING.md", folder)
    assert [str(path.relative_to(folder)) for path in new] == ["datamodules/clicks.py", "callbacks/weight_norm.py"]
    for check in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *check, *new], cwd=folder, check=True)
    write_recordings(folder / "recordings")
    return folder


def test_examples_train(workshop: Path) -> None:
    """The commands that need no published data, and what CONTRIBUTING adds, on miniatures; one is resumed and heard."""
    chosen = [c for c in commands(("README.md",)) if re.search("sound_scenes|audio_folder|plugins", c)]
    watched = "callbacks.weight_norm.enabled=true callbacks.weight_norm.on_error=raise"
    chosen.append(f"python train.py data.name=clicks data.n_clips=12 {watched}")
    assert len(chosen) == 6
    runs = []
    for number, command in enumerate(chosen):
        words = arguments(command, workshop / "recordings", workshop)
        scenes = [] if re.search("audio_folder|clicks", command) else SMALL_SCENES
        where = ["data.cache_dir=cache", f"output=out{number}", "run_id=mini"]
        runs.append([*words, *(s for s in [*SMALL, *scenes] if s.split("=")[0] not in command), *where])
    runs.append(["resume=out0/sound_scenes_by_design/mini", "trainer.max_epochs=2"])
    program = "import json, sys, train; sys.exit(max([train.main(words) for words in json.loads(sys.argv[1])]))"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", program, json.dumps(runs)], cwd=workshop, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    summaries = {path: json.loads(path.read_text()) for path in sorted(workshop.glob("out*/*/mini/summary.json"))}
    assert [path.relative_to(workshop).parts[0] for path in summaries] == [f"out{n}" for n in range(len(chosen))]
    for summary in summaries.values():
        score = summary.get("test/accuracy", summary.get("test/map"))
        assert math.isfinite(score)
    first, last = next(iter(summaries.values())), list(summaries.values())[-1]
    assert (first["epochs"], first["test/n"]) == (2, 12)
    assert "twin/test/accuracy" in first
    assert last["test/n"] == 12
    with next(workshop.glob(f"out{len(chosen) - 1}/*/mini/metrics.csv")).open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["weight_norm/l2"]) > 0
    listen_to(workshop, "out0/sound_scenes_by_design/mini", environment)


def listen_to(workshop: Path, run: str, environment: dict[str, str]) -> None:
    """Explain a recording as the README says, from the shell and from Python."""
    assert "python explain.py run=RUN audio=PATH" in "".join(blocks("README.md", "bash"))
    recording = "recordings/low/0.wav"
    call = [sys.executable, "explain.py", f"run={run}", f"audio={recording}", "output=heard"]
    subprocess.run(call, cwd=workshop, env=environment, check=True, capture_output=True)
    assert (workshop / "heard" / "report" / "index.html").is_file()
    subprocess.run([sys.executable, "dissect_mine.py"], cwd=workshop, env=environment, check=True, capture_output=True)
    example = (workshop / "listen.py").read_text().replace('"RUN"', repr(run)).replace('"PATH"', repr(recording))
    subprocess.run([sys.executable, "-c", example], cwd=workshop, env=environment, check=True, capture_output=True)
    assert (workshop / "class.wav").stat().st_size > 1000
