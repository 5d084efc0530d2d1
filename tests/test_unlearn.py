"""unlearn.py and benchmark.py unlearning from end to end on tiny scenes, and what they refuse."""

import csv
import json

import pytest
import torch

import benchmark
import unlearn
from callbacks import unlearning_properties
from callbacks.benchmark_clips import data_of
from callbacks.unlearning import Unlearning, prune
from callbacks.unlearning_clips import clips_for, places_of
from callbacks.unlearning_hum import PairedScenes, hearing, paired_scenes, said_for_the_hum, served
from configs.unlearn_schema import UnlearnConfig
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
        path = untrained_run(name, class_names=CLASS_NAMES, **(small | settings))
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


def test_properties_of_units_are_pruned_in_all_hidden_layers_and_means_are_over_folds(run, tmp_path, monkeypatch):
    paths = [run("fold1"), run("fold2", seed=1)]
    said = [f"run={paths[0]},{paths[1]}", f"output={tmp_path}", "draws=3", "strategies=[]"]

    def words(work, layers):
        return {path: [["loud"] if unit % 2 else ["dry", "loud"] for unit in range(4)] for path in layers}

    monkeypatch.setattr(unlearning_properties, "described_units", words)
    assert benchmark.main(["unlearning", *said]) == 0
    result = json.loads((tmp_path / "unlearning.json").read_text())
    assert result["strategies"] == []
    assert result["property_layers"] == [*(f"backbone.blocks.{i}" for i in range(3)), "bottleneck.decoder"]
    assert list(result["properties"]) == ["adjectives", "basic adjectives", "other adjectives", '"loud"', '"dry"']
    curve = result["properties"]["adjectives"]
    assert [point["share"] for point in curve] == [0.02, 0.04, 0.06, 0.08, 0.1, 0.12]
    assert all(point["having"] == 1.0 and point["beyond_std"] >= 0 for point in curve)
    text = (tmp_path / "unlearning.md").read_text()
    assert "## Pruned by a described property" in text
    assert "## Strategies" not in text


def test_units_are_described_by_the_clips_that_drive_them(run):
    """Each unit of a planted layer answers to the level of the clip, in one direction or the other."""
    work = Unlearning(load_run(run(**{"data.n_train": 96})), UnlearnConfig(run="", concept="", draws=2))
    data = data_of(work.run)
    batch = data.batch("train", places_of(data, "train", None))
    level = batch.waveform.square().mean(dim=1).log10()

    class Level(torch.nn.Module):
        def forward(self, values):
            return values

    work.model.planted = Level()

    def learn():
        return work.model.planted(torch.stack([level, -level], dim=1))

    work.learn = learn
    found = unlearning_properties.described_units(work, ["planted"])
    high, low = found["planted"]
    assert (high[0], low[0]) == ("loud", "quiet")
    assert not set(high) & set(low)


@pytest.mark.parametrize("model", ["by_design", "black_box"])
def test_scenes_with_several_labels_forget_one(run, tmp_path, capsys, model):
    path = run(multi_label=True, **{"model.name": model, "data.multi_label": True})
    assert unlearn.main([f"run={path}", f"concept={LABEL}", "draws=3"]) == 0
    (folder,) = (path / "unlearning").iterdir()
    result = json.loads((folder / "unlearning.json").read_text())
    assert result["figures"][0] == "average_precision"
    whole, pruned = load_run(path), load_run(folder / "pruned.ckpt")
    with ablated(whole.model, result["units"]):
        expected = clips_for(whole, "test")().logits
    assert torch.allclose(clips_for(pruned, "test")().logits, expected, atol=1e-5)
    share = float(clips_for(whole, "test")().target[:, CLASS_NAMES.index(LABEL)].mean())
    assert f"(a blind guess has an average precision of {share:.2f})" in (folder / "unlearning.md").read_text()
    assert LABEL in (path / "report" / "unlearning.html").read_text()
    capsys.readouterr()
    assert benchmark.main(["unlearning", f"run={path}", f"output={tmp_path / 'tables'}", "draws=2", "clips=12"]) == 0
    result = json.loads((tmp_path / "tables" / "unlearning.json").read_text())
    assert {row["strategy"] for row in result["strategies"]} == {"effects", "tab", "db", "ocp", "random"}
    assert result["properties"]["adjectives"][0]["accuracy"] > 0
    assert "average precision" in (tmp_path / "tables" / "unlearning.md").read_text()


def test_classes_without_clips_are_left_out(run, tmp_path, capsys):
    path = run(**{"data.n_test": 6})
    held = sorted(set(clips_for(load_run(path), "test")().target.tolist()))
    assert 0 < len(held) < len(CLASS_NAMES)
    said = [f"run={path}", f"output={tmp_path / 'tables'}", "draws=2", "properties=false", "strategies=[db,random]"]
    assert benchmark.main(["unlearning", *said]) == 0
    result = json.loads((tmp_path / "tables" / "unlearning.json").read_text())
    assert [row["name"] for row in result["strategies"][0]["classes"]] == [CLASS_NAMES[c] for c in held]
    assert "nan" not in (tmp_path / "tables" / "unlearning.md").read_text()
    absent = next(name for c, name in enumerate(CLASS_NAMES) if c not in held)
    capsys.readouterr()
    assert unlearn.main([f"run={path}", f"concept={absent}", "draws=2"]) == 1
    assert f"concept={absent}: no test clip holds it" in capsys.readouterr().err


def test_scenes_are_heard_without_and_with_the_hum(run):
    path = run(**{"data.shortcut": LABEL})
    loaded = load_run(path)
    scenes = paired_scenes(loaded, "test", 200)
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
    scenes = PairedScenes(lambda: None, target, hum, own)
    right = torch.tensor([1, 1, 0, 1, 0, 1])  # the one scene of the class without hum is wrong, and one of four others
    answers = Answers(torch.stack([right, 1 - right], dim=1).float(), target)
    assert served(answers, scenes) == (pytest.approx((1 + 0) / 2), pytest.approx(0.5))


def test_units_are_ranked_by_what_the_hum_makes_them_say():
    hum, own = torch.tensor([0, 0, 0, 1, 1, 1]).bool(), torch.tensor([0, 0, 1, 0, 0, 1]).bool()
    scenes = PairedScenes(lambda: None, torch.zeros(6, dtype=torch.long), hum, own)
    effects = torch.tensor([[1.0, 2], [1, 2], [9, 9], [3, 2], [2, 2], [0, 0]])  # of two units in each scene
    assert said_for_the_hum(effects, scenes).tolist() == [1.5, 0.0]  # scenes of the hum's own class are left out


def test_the_hum_is_a_concept_of_runs_that_have_one(run, capsys):
    path = run(**{"data.shortcut": LABEL})
    code = unlearn.main([f"run={path}", "concept=hums"])
    assert code == 2
    assert "did you mean 'hum'?" in capsys.readouterr().err
