"""Layer probes in trainings of every kind of model, by two processes, and in one that is interrupted and resumed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from configs.compose import compose
from configs.errors import InputError
from explain import main as explain
from tests.test_resume import InterruptAt, same_run
from tests.tiny_run import QUIET, TINY_DATA, TINY_PARTS, sound_scenes
from train import InterruptedRunError, train

ROOT = Path(__file__).resolve().parents[2]
ON = (
    *("callbacks.layer_probes.enabled=true", "callbacks.layer_probes.on_error=raise", "callbacks.layer_probes.shown=1"),
    *("callbacks.layer_probes.n_clips=16", "callbacks.layer_probes.bases=8", "callbacks.listening.enabled=false"),
)
WORDS = ("data.n_train=32", "data.n_val=16", "data.n_test=16", "data.passes=1", "model.n_scored=16", *QUIET)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def scenes(output: Path, cache: Path, *more: str) -> list[str]:
    parts = () if "model.name=black_box" in more else TINY_PARTS
    return [
        *(*TINY_DATA, "backbone.width=4", *parts, *QUIET, *sound_scenes(32, 20, 12), *ON),
        *(f"output={output}", f"data.cache_dir={cache}", "run_id=a", "trainer.max_epochs=1", *more),
    ]


def end_of(run: Path) -> dict:
    return json.loads((run / "layers" / "end.json").read_text())


def check_classifier(end: dict) -> None:
    assert end["kind"] == "classifier"
    assert all(end[part] for part in ("probes", "carried", "shown", "sections", "durations", "doses"))
    assert {one["kind"] for one in end["doses"]} == {"stimuli", "edit"}
    assert len(end["copying"]["rows"]) == len(end["layers"])


def test_twin_and_interpreter_of_a_black_box_are_probed(tmp_path, cache, capsys):
    box = Path(train(compose(scenes(tmp_path, cache, "model.name=black_box")))["run"])
    check_classifier(end_of(box))
    capsys.readouterr()
    assert explain([f"run={box}", "what=layers", "overwrite=true", "layers=[head.1]"]) == 1
    error = capsys.readouterr().err
    assert "layer 'head.1'" in error
    assert "choose an earlier layer" in error
    assert error.count("\n") == 1
    more = ("model.name=post_hoc", "model.n_components=10", f"model.explains={box}")
    interpreter = Path(train(compose(scenes(tmp_path / "interpreter", cache, *more)))["run"])
    check_classifier(end_of(interpreter))
    for page in ("layers", "layers_doses"):
        assert (interpreter / "report" / f"{page}.html").is_file()
    assert (interpreter / "layers" / "doses.csv").is_file()


@pytest.mark.parametrize("name", ["wavegan", "ciwgan", "fiwgan"])
def test_generators_are_probed_and_their_latents_moved(name, tmp_path, cache, capsys):
    arguments = [f"experiment=words_{name}", *WORDS, *ON, f"output={tmp_path}", f"data.cache_dir={cache}"]
    run = Path(train(compose([*arguments, "run_id=a", "trainer.max_epochs=1"]))["run"])
    end = end_of(run)
    assert all(end[part] for part in ("carried", "probes", "moved", "derivative", "control", "copying", "durations"))
    names = {"wavegan": "latent 0", "ciwgan": "code 4 to 0", "fiwgan": "bit 0"}
    assert end["moved"][0]["name"] == names[name]
    assert {layer["layer"] for layer in end["moved"][0]["layers"]} == {layer["name"] for layer in end["layers"]} | {
        "sound"
    }
    for page in ("layers", "layers_moved", "layers_causes"):
        assert (run / "report" / f"{page}.html").is_file()
    if name == "ciwgan":
        said = {
            "moved=[100]": (1, "latent 100 does not exist: the generator has 100"),
            "bases=4": (2, "bases=4 must be at least 8"),
            "protocols=[fricative]": (2, "protocols: fricative must be one of frication"),
            "layers=[project]": (1, "layer 'project'"),
            "audio=x.wav": (1, "a generator hears nothing"),
            "n_clips=1": (2, "n_clips=1 must be at least 4"),
        }
        for argument, (code, sentence) in said.items():
            assert explain([f"run={run}", "what=layers", "overwrite=true", argument]) == code
            error = capsys.readouterr().err
            assert sentence in error
            assert error.count("\n") == 1


def test_two_processes_measure_what_one_measures(tmp_path, cache):
    more = ("trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu", "data.batch_size=8")
    done = subprocess.run(
        [sys.executable, "train.py", *scenes(tmp_path, cache, *more)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (summary,) = tmp_path.glob("*/*/summary.json")
    run, other = summary.parent, tmp_path / "alone"
    together = end_of(run)
    check_classifier(together)
    assert (run / "layers" / "epoch_0001.json").is_file()
    assert explain([f"run={run}", "what=layers", f"output={other}", "report=false"]) == 0
    alone = end_of(other)
    for one, two in zip(together["probes"], alone["probes"], strict=True):
        assert (one["layer"], one["target"], one["n"]) == (two["layer"], two["target"], two["n"])
        assert one["score"] == pytest.approx(two["score"], abs=1e-3)
    for one, two in zip(together["carried"], alone["carried"], strict=True):
        assert one.get("r") == (None if "r" not in two else pytest.approx(two["r"], abs=1e-3))


def test_an_interrupted_training_measures_what_a_whole_one_measures(tmp_path, cache):
    more = (
        *("callbacks.layer_probes.every_n_epochs=1", "callbacks.layer_probes.causes=false", "trainer.max_epochs=2"),
        *("callbacks.layer_probes.layers=[backbone.blocks.0]", "callbacks.layer_probes.properties=[intensity]"),
    )  # a layer without figures that do not exist: NaN is never equal
    whole = Path(train(compose(scenes(tmp_path / "whole", cache, *more)))["run"])
    with pytest.raises(InterruptedRunError):
        train(compose(scenes(tmp_path / "stopped", cache, *more)), [InterruptAt(1, batch=1)])
    stopped = tmp_path / "stopped" / whole.relative_to(tmp_path / "whole")
    train(compose([f"resume={stopped}"]))
    assert same_run(whole, stopped) == []
    for name in ("epoch_0001", "epoch_0002", "end"):
        one, two = (json.loads((run / "layers" / f"{name}.json").read_text()) for run in (whole, stopped))
        assert one | {"seconds": 0} == two | {"seconds": 0}, name


def test_a_latent_that_does_not_exist_is_said_before_the_training(tmp_path, cache):
    arguments = ["experiment=words_ciwgan", *WORDS, *ON, f"output={tmp_path}", f"data.cache_dir={cache}"]
    with pytest.raises(InputError, match="latent 100 does not exist: the generator has 100"):
        train(compose([*arguments, "run_id=a", "trainer.max_epochs=1", "callbacks.layer_probes.moved=[100]"]))
    assert not list(tmp_path.glob("*/a/checkpoints/*"))
