"""unlearn.py and benchmark.py unlearning from end to end on tiny scenes, and what they refuse."""

import csv
import json

import pytest
import torch

import benchmark
import unlearn
from callbacks.unlearning import prune
from callbacks.unlearning_clips import clips_for
from callbacks.unlearning_hum import Scenes, hearing, scenes_of, served
from datamodules.sound_scenes import CLASS_NAMES
from interpretability.dissection.ablation import ablated
from interpretability.dissection.answers import Answers
from interpretability.dissection.unit_moments import unit_moments
from models.run_loading import load_run

LABEL = "siren"


@pytest.fixture
def run(untrained_run, tmp_path):
    def make(name="run", **settings):
        small = {
            "data.n_train": 24,
            "data.n_val": 12,
            "data.n_test": 24,
            "data.batch_size": 12,
            "data.cache_dir": tmp_path / "cache",
        }
        path = untrained_run(name, class_names=CLASS_NAMES, **small, **settings)
        file = path / "checkpoints" / "best.ckpt"
        checkpoint = torch.load(file, weights_only=False)
        torch.manual_seed(1)  # logits of an untrained model hardly differ: louder ones make removals matter
        for name in ("bottleneck.weight", "head.1.weight"):
            if name in checkpoint["state_dict"]:
                checkpoint["state_dict"][name] = torch.randn_like(checkpoint["state_dict"][name])
        torch.save(checkpoint, file)
        return path

    return make


@pytest.mark.parametrize("model", ["by_design", "black_box"])
def test_the_pruned_checkpoint_answers_as_the_ablated_model(run, capsys, model):
    path = run(**{"model.name": model})
    assert unlearn.main([f"run={path}", f"concept={LABEL}", "draws=3"]) == 0
    told = capsys.readouterr().out
    (folder,) = (path / "unlearning").iterdir()
    result = json.loads((folder / "unlearning.json").read_text())
    assert "z > 0" in told
    assert sum(map(len, result["units"].values())) > 0
    assert result["difference"] <= 1e-6
    whole, pruned = load_run(path), load_run(folder / "pruned.ckpt")
    with ablated(whole.model, result["units"]):
        expected = clips_for(whole, "test")().logits
    assert torch.allclose(clips_for(pruned, "test")().logits, expected, atol=1e-6)
    assert not torch.allclose(clips_for(whole, "test")().logits, expected, atol=1e-3)
    page = (path / "report" / "unlearning.html").read_text()
    assert LABEL in page
    assert "data/unlearning.js" not in page  # it is read when the page is open
    assert (path / "report" / "data" / "unlearning.js").is_file()
    assert unlearn.main([f"run={path}", f"concept={LABEL}", "draws=3"]) == 2
    assert "overwrite=true" in capsys.readouterr().err
    assert unlearn.main([f"run={path}", f"concept={LABEL}", "draws=3", "overwrite=true", "report=false"]) == 0


def test_units_held_at_their_mean(run, tmp_path):
    loaded, layer, units = load_run(run()), "bottleneck.decoder", {"bottleneck.decoder": [1, 6]}
    evaluate = clips_for(loaded, "test")
    means = {layer: unit_moments(loaded.model, [layer], evaluate)[layer].mean}
    with ablated(loaded.model, units, "mean", means):
        expected = evaluate().logits
    assert prune(loaded, units, "mean", means, evaluate, tmp_path / "pruned.ckpt") < 1e-5
    assert torch.allclose(clips_for(load_run(tmp_path / "pruned.ckpt"), "test")().logits, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["concept=sirens"], 2, "did you mean 'siren'?"),
        (["concept=hum"], 2, "has no such concept"),
        (["concept=siren", "layers=[backbone.block.2]"], 1, "did you mean 'backbone.blocks.2'?"),
        (["concept=siren", "draws=1"], 2, "draws=1 must be at least 2"),
        ([], 2, "concept"),
    ],
)
def test_wrong_command_lines_are_answered_in_one_line(run, capsys, more, code, words):
    path = run()
    assert unlearn.main([f"run={path}", *more]) == code
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_help_names_every_setting(capsys):
    with pytest.raises(SystemExit) as stop:
        unlearn.main(["--help"])
    assert stop.value.code == 0
    assert "budget" in capsys.readouterr().out


def test_benchmark_pools_folds_and_keeps_published_faults_apart(run, tmp_path, capsys):
    paths = [run("fold1"), run("fold2", seed=1)]
    output = tmp_path / "tables"
    said = [f"run={paths[0]},{paths[1]}", f"output={output}", "draws=2", "as_published=true", "properties=false"]
    assert benchmark.main(["unlearning", *said]) == 0
    result = json.loads((output / "unlearning.json").read_text())
    rows = {row["strategy"]: row for row in result["strategies"]}
    assert set(rows) == {"effects", "tab", "db", "ocp", "random", "ocp_as_published", "random_as_published"}
    assert all(row["classes"][0]["n"] == 4 for row in rows.values())  # two test clips of each class in each fold
    assert rows["random_as_published"]["ablated"] == 0  # the baseline is masked too
    assert rows["random"]["ablated"] != 0
    lines = list(csv.reader((output / "unlearning.csv").open()))
    assert len(lines) == 1 + 7 * len(CLASS_NAMES)
    assert "## Strategies" in (output / "unlearning.md").read_text()
    capsys.readouterr()
    assert benchmark.main(["unlearning", f"run={paths[0]}", "strategies=[tap]"]) == 2
    assert "strategies: tap is none of" in capsys.readouterr().err


def test_scenes_are_heard_without_and_with_the_hum(run):
    path = run(**{"data.shortcut": LABEL})
    loaded = load_run(path)
    scenes = scenes_of(loaded, "test")
    n = len(scenes.target) // 2
    assert n == 24
    assert torch.equal(scenes.target[:n], scenes.target[n:])
    assert scenes.hum.tolist() == [False] * n + [True] * n
    assert scenes.own.sum() == 2 * int((scenes.target[:n] == CLASS_NAMES.index(LABEL)).sum()) > 0
    r, auprc = hearing(loaded.model, "bottleneck.decoder", scenes)
    assert r.shape == auprc.shape == (8,)
    assert r.abs().max() <= 1


def test_a_group_that_is_given_up_counts():
    hum, own = torch.tensor([0, 0, 0, 1, 1, 1]).bool(), torch.tensor([0, 0, 1, 0, 0, 1]).bool()
    target = torch.zeros(6, dtype=torch.long)
    scenes = Scenes(lambda: None, target, hum, own)
    right = torch.tensor([1, 1, 0, 1, 0, 1])  # the one scene of the class without hum is wrong, and one of four others
    answers = Answers(torch.stack([right, 1 - right], dim=1).float(), target)
    assert served(answers, scenes) == pytest.approx(0.5 * ((1 + 0 + 0.5 + 1) / 4 + 0))


def test_the_hum_is_a_concept_of_runs_that_have_one(run, capsys):
    path = run(**{"data.shortcut": LABEL})
    code = unlearn.main([f"run={path}", "concept=hums"])
    assert code == 2
    assert "did you mean 'hum'?" in capsys.readouterr().err
