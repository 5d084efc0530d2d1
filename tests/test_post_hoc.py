"""A post-hoc interpreter from the command line: a black box, its interpreter, the report, explain.py."""

import json
from pathlib import Path

import pytest
import soundfile
import torch

from configs.compose import compose
from explain import main as explain
from models.run_loading import load_run
from tests.tiny_run import QUIET, TINY_DATA, TINY_PARTS, sound_scenes
from train import main, train

ANY = (*TINY_DATA, *QUIET, *sound_scenes(32, 20, 21), "trainer.max_epochs=1", "run_id=a")
INTERPRETER = (
    "model.name=post_hoc",
    *TINY_PARTS,
    "model.n_components=10",
    "callbacks.listening.n_clips=1",
    "callbacks.listening.on_error=raise",
)


@pytest.fixture(scope="module")
def black_boxes(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Run folders of a black box for single-label and one for multi-label data."""
    output = tmp_path_factory.mktemp("boxes")
    common = [*ANY, f"output={output}", f"data.cache_dir={output / 'cache'}", "backbone.width=4"]
    kinds = {False: "sound_scenes_black_box", True: "sound_scenes_multilabel_black_box"}
    return {kind: Path(train(compose([f"experiment={name}", *common]))["run"]) for kind, name in kinds.items()}


def arguments(box: Path, *more: str) -> list[str]:
    """Command line of the interpreter of a black box."""
    output = box.parent.parent
    return [
        *ANY,
        *INTERPRETER,
        f"output={output}",
        f"data.cache_dir={output / 'cache'}",
        f"model.explains={box}",
        *more,
    ]


def test_train_listen_report_and_explain(
    black_boxes: dict[bool, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = black_boxes[False]
    assert main(arguments(box, "experiment=sound_scenes_by_design")) == 0
    run = box.parent.parent / "sound_scenes_by_design" / "a"
    summary = json.loads((run / "summary.json").read_text())
    assert summary["best/val/fidelity_top1"] >= 0
    assert {"test/fidelity_top1", "test/fidelity_top3", "test/fidelity_top5", "test/relative_error"} <= set(summary)
    assert summary["test/classifier_accuracy"] == json.loads((box / "summary.json").read_text())["test/accuracy"]
    assert "An interpreter of run sound_scenes_black_box/a" in (run / "report" / "index.html").read_text()
    assert list((run / "media" / "listening").glob("end/**/*.wav"))
    sound = torch.rand(40000, generator=torch.Generator().manual_seed(0)) - 0.5
    soundfile.write(tmp_path / "noise.wav", sound.numpy(), 22050)
    assert explain([f"run={run}", f"audio={tmp_path / 'noise.wav'}", f"output={tmp_path / 'out'}"]) == 0
    row = json.loads((tmp_path / "out" / "explanations.json").read_text())["files"][0]
    assert isinstance(row["components_agree"], bool)
    model = load_run(run).model
    logits = model.classified(sound[None, :22050])
    torch.testing.assert_close(logits, load_run(box).model(sound[None, :22050]))
    assert "fidelity" in capsys.readouterr().out


def test_multi_label_data_with_components_of_each_class_and_noise_held_apart(black_boxes: dict[bool, Path]) -> None:
    per_class = ("model.nmf.per_class=true", "model.nmf.noise_components=2", "callbacks.listening.enabled=false")
    more = ("experiment=sound_scenes_multilabel_by_design", *per_class)
    summary = train(compose(arguments(black_boxes[True], *more)))
    assert 0 <= summary["best/val/fidelity_auprc"] <= 1
    assert {"test/fidelity_auprc", "test/shuffled_fidelity_auprc", "test/classifier_map", "test/map"} <= set(summary)


def test_a_random_dictionary_is_a_control(black_boxes: dict[bool, Path]) -> None:
    more = ("experiment=sound_scenes_by_design", "model.control=random_dictionary", "run_id=random")
    summary = train(compose(arguments(black_boxes[False], *more, "callbacks.listening.enabled=false")))
    dictionary = load_run(summary["run"]).model.bottleneck.dictionary
    torch.testing.assert_close(dictionary.norm(dim=0), torch.ones(10))
    assert summary["dictionary/relative_error"] > 0.2
    cosine = dictionary.T @ dictionary
    assert float(cosine.triu(1).max()) < 0.8  # no two atoms are alike, as half-normal draws are at 2 / pi


def test_a_run_resumes_with_the_classifier_it_has_kept(black_boxes: dict[bool, Path]) -> None:
    box = black_boxes[False]
    more = ("experiment=sound_scenes_by_design", "callbacks.listening.enabled=false", "run_id=longer")
    first = train(compose(arguments(box, *more)))
    again = train(compose([f"resume={first['run']}", "trainer.max_epochs=2"]))
    assert (first["epochs"], again["epochs"]) == (1, 2)
    assert again["test/classifier_accuracy"] == first["test/classifier_accuracy"]
    kept, given = load_run(again["run"]).model.frozen.module.state_dict(), load_run(box).model.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in given.items())
