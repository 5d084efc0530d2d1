"""Plan, hashes and shards of benchmark.py classification; the sweep that ships."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from callbacks.classification_plan import cell_key, in_shard, plan_cells
from callbacks.classification_start import words_to_start
from callbacks.classification_words import split_words
from configs.classification_schema import ClassificationBenchmark
from configs.compose import compose
from configs.errors import CommandError
from configs.layers import command_line_layer
from configs.merge import fill
from report.run_folder import RunFolder

MODELS = "by_design,black_box,black_box_decoder,post_hoc,nmf_linear,task_driven_nmf"


def plan(*arguments):
    own, words = split_words(arguments)
    settings = fill(ClassificationBenchmark, command_line_layer(own)[0])
    return plan_cells(settings, words)


@pytest.fixture(scope="module")
def figure():
    """The cells of the figure of ESC-10."""
    return plan("data=esc10", "data.root=x", f"models={MODELS}")


def test_every_model_of_every_fold_is_a_cell(figure):
    assert len(figure) == 30
    assert {(cell.model, cell.fold, cell.seed) for cell in figure} == {
        (model, fold, 0) for model in MODELS.split(",") for fold in range(1, 6)
    }
    assert {cell.experiment for cell in figure} == {f"esc10_{model}" for model in MODELS.split(",")}
    assert len({cell.key for cell in figure}) == 30
    assert len({(cell.experiment, cell.run_id) for cell in figure}) == 30
    for cell in figure:
        if cell.model == "post_hoc":
            assert (cell.needs.model, cell.needs.fold) == ("black_box", cell.fold)
            assert figure.index(cell.needs) < figure.index(cell)
        else:
            assert cell.needs is None


def test_words_of_a_cell_ask_for_its_configuration(figure, tmp_path):
    for cell in figure[:6]:
        folder = RunFolder.at(str(tmp_path), cell.experiment, cell.run_id)
        explained = tmp_path / "twin" if cell.needs else None
        config = compose(words_to_start(cell, folder, explained, ["faithfulness"], threads=1))
        assert RunFolder.at(config.output, config.experiment, config.run_id) == folder
        assert cell_key(config, cell.needs.key if cell.needs else "") == cell.key
        assert config.callbacks.faithfulness.enabled
        assert config.callbacks.dissection.every_n_epochs == 0
        assert config.trainer.threads == 1


def test_key_follows_what_changes_results_and_nothing_else():
    config = compose(["experiment=esc10_by_design", "data.root=x", "data.fold=1"])
    key = cell_key(config)
    same = (
        "trainer.threads=3",
        "data.root=y",
        "callbacks.faithfulness.enabled=true",
        "output=z",
        "logger.wandb=disabled",
    )
    other = ("seed=1", "trainer.max_epochs=61", "data.fold=2", "model.dropout=0.3")
    base = ["experiment=esc10_by_design", "data.root=x", "data.fold=1"]
    assert {
        cell_key(compose([*[w for w in base if w.split("=")[0] != word.split("=")[0]], word])) for word in same
    } == {key}
    keys = [cell_key(compose([*[w for w in base if w.split("=")[0] != word.split("=")[0]], word])) for word in other]
    assert len({key, *keys}) == 5
    chosen = ["callbacks.faithfulness.enabled=true", "trainer.monitor=faithfulness/input_fidelity"]
    first, second = (cell_key(compose([*base, *chosen, f"callbacks.faithfulness.n_clips={n}"])) for n in (4, 5))
    assert first != second  # an instrument that chooses the epoch changes the result
    interpreter = compose(["experiment=esc10_post_hoc", "data.root=x", "model.explains=a"])
    moved = dataclasses.replace(interpreter, model=dataclasses.replace(interpreter.model, explains="b"))
    assert cell_key(interpreter, "k") == cell_key(moved, "k") != cell_key(moved, "l")


def test_data_without_an_experiment_for_a_model_derive_it():
    cells = {cell.model: cell for cell in plan("data=digits", "data.root=x", "models=by_design,post_hoc,nmf_linear")}
    assert cells["post_hoc"].config.model.name == "post_hoc"
    assert cells["post_hoc"].config.augmentation.masks == 0
    assert cells["nmf_linear"].config.front_end.sample_rate == 16000
    assert not cells["black_box"].shown
    assert cells["post_hoc"].experiment == cells["by_design"].experiment
    assert cells["post_hoc"].run_id.startswith("post_hoc-seed0-")
    assert cells["by_design"].fold is None


def test_settings_go_to_the_models_that_they_fit():
    cells = {
        cell.model: cell
        for cell in plan(
            "data=sound_scenes", "models=by_design,black_box,post_hoc", "model.n_components=8", "model.dropout=0.1",
            "trainer.max_epochs=3", "post_hoc.trainer.max_epochs=2", "backbone.width=4",
        )
    }  # fmt: skip
    assert {name: cell.config.trainer.max_epochs for name, cell in cells.items()} == {
        "by_design": 3, "black_box": 3, "post_hoc": 2,
    }  # fmt: skip
    assert cells["by_design"].config.model.n_components == cells["post_hoc"].config.model.n_components == 8
    assert cells["black_box"].config.model.dropout == 0.1
    assert "model.n_components=8" not in cells["black_box"].given
    assert "post_hoc.trainer.max_epochs=2" in cells["post_hoc"].given


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data=esc11"], "data=esc11: has no experiment esc11_by_design, did you mean 'esc10'?"),
        (["data=esc10", "data.root=x", "models=by_desing"], "models=by_desing: no such model of esc10, did you mean"),
        (["data=esc10", "data.root=x", "folds=6"], "folds=6: esc10 has the folds 1 to 5"),
        (["data=sound_scenes", "folds=1"], "sound_scenes has one split and no folds"),
        (["data=esc10"], "data.root is needed"),
        (["data=sound_scenes", "data.fold=2"], "data.fold: the plan sets it; use folds="),
        (["data=sound_scenes", "trainer.threads=2"], "use threads="),
        (["data=sound_scenes", "models=black_box", "model.n_components=3"], "none of the models has it"),
        (["data=sound_scenes", "trainer.max_epoch=3"], "did you mean 'trainer.max_epochs'"),
        (["data=sound_scenes", "models=black_box,black_box"], "models: black_box is named more than once"),
        (["data=sound_scenes", "seeds=1,1"], "seeds: 1 is named more than once"),
        (["data=sound_scenes", "seeds=one"], "seeds=one must be a whole number"),
        (["data=sound_scenes", "shard=0/2"], "shard=0/2 must be written i/n"),
        (["data=sound_scenes", "shard=3/2"], "shard=3/2 must be written i/n"),
        (["data=sound_scenes", "columns=accuracy,beauty"], "columns: beauty is none of accuracy"),
        (["models=by_design"], "missing: data"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_one_line(arguments, message):
    with pytest.raises(CommandError) as refused:
        plan(*arguments)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("total", [1, 2, 3, 7])
def test_shards_share_out_the_plan(figure, total):
    parts = [in_shard(figure, part, total) for part in range(total)]
    assert sorted(figure.index(cell) for part in parts for cell in part) == list(range(30))
    assert all(cell.needs is None or cell.needs in part for part in parts for cell in part)
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 2


def test_the_sweep_that_ships_asks_for_cells(figure):
    sweep = yaml.safe_load((Path(__file__).parents[2] / "docs" / "sweeps" / "esc10.yaml").read_text())
    assert sweep["program"] == "train.py"
    keys = {cell.key for cell in figure}
    for experiment in sweep["parameters"]["experiment"]["values"]:
        words = [f"{name}={found['value']}" for name, found in sweep["parameters"].items() if "value" in found]
        assert cell_key(compose([*words, f"experiment={experiment}", "data.fold=5", "seed=0"])) in keys
