"""The faithfulness callback in real trainings: figures, controls, isolation, fixed work, and the choice of an epoch."""

import csv
import json
import math
from pathlib import Path

import pytest
import torch

from callbacks.faithfulness import logged_names, of_equal_length
from callbacks.faithfulness_scores import explanation_masks, faithfulness_scores
from configs.callback_schema import FaithfulnessConfig
from configs.compose import compose
from configs.errors import CommandError
from interpretability.listening.masks import group_masks
from models.checkpoint_file import read_checkpoint
from models.explained import explained_classifier
from models.explanation import explain
from models.run_loading import load_run
from tests.tiny_run import TINY, sound_scenes
from train import train

ON = (
    "callbacks.faithfulness.enabled=true",
    "callbacks.faithfulness.on_error=raise",
    "callbacks.faithfulness.n_clips=6",
    "callbacks.faithfulness.every_n_epochs=2",
    "callbacks.faithfulness.curve_steps=2",
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def run(cache):
    def train_run(output, *more):
        arguments = [
            f"output={output}",
            f"data.cache_dir={cache}",
            "run_id=a",
            *TINY,
            *sound_scenes(48, 26, 12),
            "trainer.max_epochs=3",
            "callbacks.listening.enabled=false",
            *more,
        ]
        return compose(arguments)

    return train_run


@pytest.fixture(scope="module")
def measured(run, tmp_path_factory):
    """A run with the callback, and its summary."""
    config = run(tmp_path_factory.mktemp("on"), *ON)
    summary = train(config)
    return Path(summary["run"]), summary


def columns(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_weights_and_metrics_are_bitwise_the_same_with_it_on(measured, run, tmp_path):
    folder, summary = measured
    other = train(run(tmp_path))
    one, two = (
        read_checkpoint(f / "checkpoints" / "last.ckpt")["state_dict"]
        for f in (folder, tmp_path / "sound_scenes_by_design" / "a")
    )
    assert all(torch.equal(one[name], two[name]) for name in {**one, **two})
    with_it, without = columns(folder), columns(tmp_path / "sound_scenes_by_design" / "a")
    assert {name: with_it[name] for name in without} == without
    assert all(name.startswith("faithfulness/") for name in with_it if name not in without)
    assert summary["test/accuracy"] == other["test/accuracy"]


def test_every_score_is_logged_with_its_controls_at_each_point(measured):
    found = columns(measured[0])
    names = {name for name in logged_names(with_curves=True) if name != "fidelity_top1"}
    assert {f"faithfulness/{name}" for name in names} | {"faithfulness/seconds"} <= set(found)
    assert "faithfulness/fidelity_top1" not in found
    for name in ("input_fidelity", "input_fidelity_random_mask", "average_drop_random_components", "removal_logit"):
        values = [float(value) for value in found[f"faithfulness/{name}"] if value]
        assert values[1] == values[2], "epoch 3 is no point and keeps the value of epoch 2"
        assert all(math.isfinite(value) for value in values)
    chosen = [value for value in found["faithfulness/chosen_input_fidelity"] if value]
    assert len(chosen) == 1
    assert 0 <= float(chosen[0]) <= 1


def test_clips_are_written_for_the_chosen_checkpoint(measured):
    folder, _ = measured
    with (folder / "faithfulness.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    run = load_run(folder)
    assert len({row["clip"] for row in rows}) == 6
    logged = float(next(value for value in columns(folder)["faithfulness/chosen_input_fidelity"] if value))
    defined = [float(row["input_fidelity"]) for row in rows if row["input_fidelity"]]
    assert sum(defined) / len(defined) == pytest.approx(logged)
    assert run.class_names


def test_the_work_is_fixed_by_the_settings_and_is_what_is_done(untrained_run, monkeypatch):
    settings = FaithfulnessConfig(n_clips=3, curve_steps=4)
    model = load_run(untrained_run()).model
    clips = torch.rand(3, 22050, generator=torch.Generator().manual_seed(0)) - 0.5
    f, heard = explained_classifier(model), []
    counted = f.respond

    def respond(spectrum):
        heard.append(len(spectrum))
        return counted(spectrum)

    object.__setattr__(f, "respond", respond)
    with torch.no_grad():
        faithfulness_scores(f, explain(model, clips), torch.tensor([0, 1, 2]), [0, 1, 2], settings.curve_steps)
    assert sum(heard) == 3 * (settings.passes - 1)  # the first pass is that of the explanation


@pytest.mark.parametrize("multi_label", [True, False])
def test_scores_of_a_batch_are_those_of_single_clips(untrained_run, multi_label):
    model = load_run(untrained_run(multi_label=multi_label)).model
    clips = torch.rand(3, 22050, generator=torch.Generator().manual_seed(0)) - 0.5
    target = torch.tensor([[1, 0, -1]] * 3) if multi_label else torch.tensor([0, 1, 2])
    f = explained_classifier(model)
    with torch.no_grad():
        whole = faithfulness_scores(f, explain(model, clips), target, [4, 5, 6], 2)
        single = faithfulness_scores(f, explain(model, clips[1:2]), target[1:2], [5], 2)
    assert set(whole) == set(single)
    for name, values in whole.items():
        unit = 100 if name.startswith("average") else 1
        torch.testing.assert_close(
            values.values[1:2] / unit, single[name].values / unit, rtol=1e-4, atol=1e-5, equal_nan=True
        )


def test_controls_take_as_many_components_and_as_much_energy(untrained_run):
    model = load_run(untrained_run()).model
    said = explain(model, torch.rand(2, 22050, generator=torch.Generator().manual_seed(0)) - 0.5)
    masks = explanation_masks(said, said.logits.argmax(dim=1), [0, 1])
    energy = {name: (mask * said.spectrum).abs().square().sum(dim=(1, 2)) for name, mask in masks.named.items()}
    torch.testing.assert_close(energy["random_mask"], energy[""], rtol=1e-3, atol=1e-6)
    chosen = said.selected(int(said.logits[0].argmax()))[0]
    W, H, gains = said.dictionary, said.activations[:1], chosen[None, None].to(said.activations)
    torch.testing.assert_close(masks.named[""][:1], group_masks(W, H, gains)[:, 0], rtol=1e-5, atol=1e-6)
    assert int(masks.n_components[0]) == int(chosen.sum())


def test_clips_of_one_length_are_heard_together():
    lengths = {5: 10, 1: 20, 2: 10, 9: 10, 4: 20}
    assert list(of_equal_length(lengths, 2)) == [[5, 2], [9], [1, 4]]


def test_a_faithful_epoch_near_the_best_accuracy_can_be_chosen(run, tmp_path):
    choose = ("trainer.monitor=faithfulness/input_fidelity", "trainer.within_standard_errors=1")
    summary = train(run(tmp_path, *ON, *choose, "callbacks.faithfulness.every_n_epochs=1", "trainer.early_stopping=5"))
    folder = tmp_path / "sound_scenes_by_design" / "a"
    found = columns(folder)
    rows = [i for i, value in enumerate(found["val/accuracy"]) if value]
    accuracy = [float(found["val/accuracy"][i]) for i in rows]
    fidelity = [float(found["faithfulness/input_fidelity"][i]) for i in rows]
    best = max(accuracy)
    floor = best - math.sqrt(best * (1 - best) / 26)
    inside = [i for i, value in enumerate(accuracy) if value >= floor - 1e-9]
    expected = max(inside, key=lambda i: (fidelity[i], accuracy[i], i))
    assert summary["best/epoch"] == expected + 1
    assert summary["best/faithfulness/input_fidelity"] == pytest.approx(fidelity[expected])
    assert read_checkpoint(folder / "checkpoints" / "best.ckpt")["epoch"] == expected
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    assert json.loads((folder / "summary.json").read_text())["best/epoch"] == expected + 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trainer.monitor=faithfulness/input_fidelity",), r"needs callbacks\.faithfulness\.enabled=true"),
        (
            (
                "trainer.monitor=faithfulness/input_fidelity",
                "callbacks.faithfulness.enabled=true",
                "callbacks.faithfulness.every_n_epochs=0",
            ),
            r"needs callbacks\.faithfulness\.every_n_epochs of at least 1",
        ),
        (("trainer.within_standard_errors=1",), r"within_standard_errors=1 needs trainer\.monitor"),
        (("callbacks.faithfulness.n_clips=0",), r"callbacks\.faithfulness\.n_clips=0 must be at least 1"),
    ],
)
def test_settings_that_cannot_be_used_are_named_before_anything_starts(run, tmp_path, arguments, message):
    with pytest.raises(CommandError, match=message):
        run(tmp_path, *arguments)


def test_a_black_box_is_left_alone_and_a_post_hoc_interpreter_is_scored_on_it(run, tmp_path):
    twin = train(run(tmp_path, *ON, "twin=true", "trainer.max_epochs=1"))  # on_error=raise: any attempt would end it
    folder = Path(twin["run"]).with_name("a-black_box")
    assert not (folder / "faithfulness.csv").exists()
    post_hoc = ("model.name=post_hoc", f"model.explains={folder}", "trainer.max_epochs=1", "run_id=b")
    found = columns(Path(train(run(tmp_path, *ON, *post_hoc))["run"]))
    assert {"faithfulness/fidelity_top1", "faithfulness/input_fidelity", "faithfulness/removal_logit"} <= set(found)
    assert 0 <= float(next(value for value in found["faithfulness/fidelity_top1"] if value)) <= 1


def test_multi_label_explanations_are_scored(run, tmp_path):
    found = columns(Path(train(run(tmp_path, *ON, "data.multi_label=true", "trainer.max_epochs=1"))["run"]))
    values = [float(value) for value in found["faithfulness/mask_in_accuracy"] if value]
    assert all(0 <= value <= 1 for value in values)
