"""Explanation FID at points of a training: it changes nothing, goes on where it was, and what fails keeps the last."""

import json
import math
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning.trainer.states import TrainerFn

import callbacks.explanation_fid as module_under_test
from callbacks.benchmark_clips import data_of
from callbacks.explanation_fid import ExplanationFid
from callbacks.explanation_fid_point import figures_of, kept_of, refresh
from callbacks.generation_search import prepare_search
from configs.compose import compose
from configs.errors import InputError
from configs.explanation_fid_schema import ExplanationFidConfig
from configs.generation_schema import GenerationConfig
from models.checkpoint_file import read_checkpoint
from models.run_loading import load_run
from report.generations_file import load_points
from report.interpretations_file import load_interpretations
from tests.tiny_run import TINY, sound_scenes
from train import train

SEARCH = {"units": ["alarm", "bell"], "seconds": 0.4, "latents": 3, "snapshots": [1, 2], "lr": [0.3, 0.1]}
SEARCH |= {"transform": [0.0], "vocoder_iterations": 2, "class_share": 1.0, "shown": 2, "halving": False}
POINT = {"every_n_epochs": 1, "latents": 3, "steps": 2, "lanes": 2, "vocoder_iterations": 2}
ON = [f"callbacks.explanation_fid.{key}={value}" for key, value in POINT.items()]
ON += [f"callbacks.explanation_fid.generation.{key}={value}".replace("'", "") for key, value in SEARCH.items()]
ON += ["callbacks.explanation_fid.enabled=true", "callbacks.explanation_fid.on_error=raise"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def run(output, cache, *more):
    given = [*TINY, *sound_scenes(32, 72, 12), f"output={output}", f"data.cache_dir={cache}", "run_id=a"]
    return Path(train(compose([*given, "trainer.max_epochs=2", "callbacks.listening.enabled=false", *more]))["run"])


@pytest.fixture(scope="module")
def watched(tmp_path_factory, cache):
    return run(tmp_path_factory.mktemp("on"), cache, *ON, "callbacks.explanation_fid.end_interpreted=72")


def columns(folder):
    header, *rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def test_weights_batch_norm_optimizer_and_metrics_are_bitwise_the_same_with_it_on(watched, tmp_path, cache):
    without = run(tmp_path, cache)
    one, two = (read_checkpoint(folder / "checkpoints" / "last.ckpt") for folder in (watched, without))
    states = one["state_dict"], two["state_dict"]
    assert any("running_mean" in name for name in states[0])
    assert all(torch.equal(states[0][name], states[1][name]) for name in {**states[0], **states[1]})
    assert str(one["optimizer_states"]) == str(two["optimizer_states"])
    on, off = columns(watched), columns(without)
    assert {name: on[name] for name in off} == off
    assert all(name.startswith("explanation_fid/") for name in on if name not in off)


def test_points_figures_interpretations_and_pages_are_in_the_run_folder(watched):
    points = load_points(watched)
    assert [point.name for point in points] == ["epoch_0001", "epoch_0002", "end"]
    assert [[unit["name"] for unit in point.units] for point in points] == [["alarm", "bell"]] * 3
    assert [point.units[0]["search"] for point in points] == ["refresh", "refresh", "full"]
    assert len(points[0].units[0]["lanes"]) == 2  # two settings, one snapshot
    assert len(points[2].units[0]["lanes"]) == 4  # two settings, two snapshots
    assert [len(point.units[0]["examples"]) for point in points] == [1, 1, 2]  # a frame of the film; the end
    logged = columns(watched)
    lane = points[1].units[0]["lanes"][points[1].units[0]["chosen"]]
    row = {name: float(values[1] or "nan") for name, values in logged.items()}
    assert row["explanation_fid/alarm/kernel_distance"] == pytest.approx(lane["kernel"], rel=1e-4)
    assert row["explanation_fid/alarm/kernel_distance_low"] == pytest.approx(lane["kernel_low"], rel=1e-4)
    ceiling, floor = points[1].units[0]["ceiling"], points[1].units[0]["floor"]["kernel"]
    assert row["explanation_fid/alarm/kernel_distance_ceiling"] == pytest.approx(ceiling["kernel"], rel=1e-4)
    assert row["explanation_fid/alarm/kernel_distance_floor"] == pytest.approx(floor[1], rel=1e-4)
    both = [row[f"explanation_fid/{name}/kernel_distance"] for name in ("alarm", "bell")]
    assert row["explanation_fid/kernel_distance"] == pytest.approx(sum(both) / 2, rel=1e-5)
    assert float(logged["explanation_fid/end/kernel_distance"][-1]) == pytest.approx(
        sum(unit["lanes"][unit["chosen"]]["kernel"] for unit in points[2].units) / 2, rel=1e-4
    )
    heard = load_interpretations(watched)
    assert [point["end"] for point in heard] == [True]
    assert all(row["own"]["stems"]["interpretation"]["kernel"] for row in heard[0]["rows"])
    assert float(logged["explanation_fid/end/heard/stems/interpretation_distance"][-1]) == pytest.approx(
        sum(row["own"]["stems"]["interpretation"]["kernel"][0] for row in heard[0]["rows"]) / len(heard[0]["rows"]),
        rel=1e-4,
    )
    text = (watched / "report" / "generations.html").read_text()
    assert "No trained generator." in text
    assert "skipped: no independent network" in text
    assert (watched / "report" / "generations_interpretations.html").is_file()
    curves = (watched / "report" / "data" / "curves.js").read_text()
    assert "alarm" not in curves  # drawn on its own page
    assert "explanation fid" in curves


@pytest.mark.slow
def test_a_resumed_run_takes_the_points_of_one_that_was_not_interrupted(watched, tmp_path, cache):
    more = [*ON, "callbacks.explanation_fid.end_interpreted=0"]
    folder = run(tmp_path, cache, *more, "trainer.max_epochs=1")
    (folder / "generations" / "end.jsonl").unlink()
    again = Path(train(compose([*more, f"resume={folder}", "trainer.max_epochs=2"]))["run"])
    one, two = (load_points(each)[1].units for each in (watched, again))
    assert len(one) == 2
    for unit, other in zip(one, two, strict=True):
        # The rate of learning depends on the number of epochs: weights differ, the way of the search does not.
        assert unit["search"] == other["search"] == "refresh"
        assert [lane["lane"] for lane in unit["lanes"]] == [lane["lane"] for lane in other["lanes"]]


class Fake(SimpleNamespace):
    """What an instrument asks of a Trainer, for one process."""

    def __init__(self, folder, datamodule, epoch=0):
        super().__init__(
            default_root_dir=str(folder), datamodule=datamodule, current_epoch=epoch, global_step=epoch, loggers=[],
            is_global_zero=True, global_rank=0, world_size=1, sanity_checking=False, interrupted=False,
            state=SimpleNamespace(fn=TrainerFn.FITTING),
            strategy=SimpleNamespace(reduce_boolean_decision=lambda value, all: value),
        )  # fmt: skip


@pytest.fixture
def loaded(untrained_run, cache):
    """An untrained run on a few sound scenes, a network that hardly answers made to answer, and its data."""
    from datamodules.sound_scenes import SoundScenes

    given = {"data.n_train": 32, "data.n_val": 72, "data.n_test": 12, "data.seconds": 1, "data.cache_dir": str(cache)}
    config = compose([f"{key}={value}" for key, value in given.items()])
    names = SoundScenes(config.data, config.front_end.sample_rate).class_names
    opened = load_run(untrained_run(class_names=names, **given))
    opened.model.bottleneck.weight.data *= 1e4
    opened.model.log_dict = lambda *args, **more: None
    return opened, data_of(opened)


def instrument(folder, **changes):
    settings = {"enabled": True, "on_error": "raise", **POINT, **changes}
    return ExplanationFid(ExplanationFidConfig(generation=GenerationConfig(**SEARCH), **settings), folder)


def hooks_of(network):
    return sum(len(part._forward_hooks) for part in network.modules())


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_gradients_are_switched_on_inside_and_none_is_left(loaded, tmp_path, around):
    opened, data = loaded
    model = opened.model.train()
    model.requires_grad_(True)
    callback, random = instrument(tmp_path), torch.get_rng_state()
    callback.setup(Fake(tmp_path, data), model, "fit")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with around():
        callback.on_validation_epoch_end(Fake(tmp_path, data), model)
    assert callback.last_point == 1
    assert load_points(tmp_path)[0].units[0]["work"] > 0
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert hooks_of(model) == 0
    assert all(part.training for part in model.modules())


def test_a_point_that_fails_keeps_the_last_values_and_leaves_no_hook(loaded, tmp_path, monkeypatch):
    opened, data = loaded
    callback = instrument(tmp_path, on_error="warn")
    callback.setup(Fake(tmp_path, data), opened.model, "fit")
    callback.on_validation_epoch_end(Fake(tmp_path, data, 0), opened.model)
    values, kept = dict(callback.values), callback.kept
    assert math.isfinite(values["kernel_distance"])

    def broken(*args, **more):
        raise OSError("no space left")

    monkeypatch.setattr(module_under_test, "write_generations", broken)
    with pytest.warns(UserWarning, match=r"callbacks.explanation_fid: epoch 2 is skipped: OSError: no space left"):
        callback.on_validation_epoch_end(Fake(tmp_path, data, 1), opened.model)
    assert callback.values == values
    assert callback.kept is kept
    assert callback.last_point == 1
    assert hooks_of(opened.model) == 0
    callback.settings.on_error = "raise"
    with pytest.raises(OSError, match="no space left"):
        callback.on_validation_epoch_end(Fake(tmp_path, data, 2), opened.model)
    assert hooks_of(opened.model) == 0


def test_searches_go_on_from_latents_that_a_checkpoint_holds_as_plain_data(loaded, tmp_path):
    opened, data = loaded
    callback = instrument(tmp_path)
    callback.setup(Fake(tmp_path, data), opened.model, "fit")
    callback.on_validation_epoch_end(Fake(tmp_path, data, 0), opened.model)
    torch.save(callback.state_dict(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    callback.on_validation_epoch_end(Fake(tmp_path, data, 1), opened.model)
    resumed = instrument(tmp_path / "again")
    resumed.load_state_dict(state)
    resumed.setup(Fake(tmp_path / "again", data), opened.model, "fit")
    resumed.on_validation_epoch_end(Fake(tmp_path / "again", data, 1), opened.model)
    assert resumed.values == pytest.approx(callback.values, abs=0, rel=0, nan_ok=True)
    assert resumed.work_done == callback.work_done == 2 * 2 * 3 * 2 * 2  # points, units, latents, steps, lanes
    for key, kept in callback.kept.items():
        assert torch.equal(kept.latent, resumed.kept[key].latent)
        assert kept.points == resumed.kept[key].points == 2
    one, two = (json.loads(line) for line in (tmp_path / "again/generations/epoch_0002.jsonl").read_text().splitlines())
    assert (one["name"], two["name"]) == ("alarm", "bell")


def test_a_search_that_goes_on_has_the_ceiling_of_latents_drawn_anew(loaded):
    opened, data = loaded
    config = ExplanationFidConfig(generation=GenerationConfig(**SEARCH | {"lr": [0.1, 0.03]}), **POINT)
    ground = prepare_search(opened.model, data, config.generation)
    first, _ = refresh(ground, ["alarm"], config, {})
    second, _ = refresh(ground, ["alarm"], config, kept_of(first, {}))
    assert not torch.equal(first[0].latent, first[0].search.start)
    assert torch.equal(second[0].search.start, first[0].latent)
    assert second[0].ceiling.kernel == first[0].ceiling.kernel
    assert second[0].ceiling.median == pytest.approx(float(first[0].search.start_activation.median()), rel=1e-4)
    figures = figures_of(second, judged=False)
    assert "alarm/recognised" not in figures
    assert figures["alarm/activation_low"] <= figures["alarm/activation_high"]


def test_units_without_enough_excerpts_are_left_out_and_said_once(loaded, tmp_path):
    opened, data = loaded
    callback = instrument(tmp_path)
    callback.setup(Fake(tmp_path, data), opened.model, "fit")
    opened.model.bottleneck.weight.data[opened.class_names.index("bell")] = 0  # constant: nothing excites it
    with pytest.warns(UserWarning, match="bell is left out: bell: all"):
        callback.on_validation_epoch_end(Fake(tmp_path, data, 0), opened.model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        callback.on_validation_epoch_end(Fake(tmp_path, data, 1), opened.model)
    assert math.isnan(callback.values["bell/kernel_distance"])
    assert callback.values["kernel_distance"] == callback.values["alarm/kernel_distance"]
    opened.model.bottleneck.weight.data[:] = 0
    with pytest.raises(InputError, match="none of 2 units can be searched for; alarm: all"):
        callback.on_validation_epoch_end(Fake(tmp_path, data, 2), opened.model)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"units": ["alarm", "bel"]}, r"callbacks.explanation_fid.generation.units: .*did you mean 'bell'"),
        ({"units": ["bottleneck:99"]}, "has units 0 to 7 and no unit 99"),
        ({"prior": "nowhere"}, "callbacks.explanation_fid.generation.prior=nowhere: neither a run folder nor one of"),
        ({"prior": "."}, "callbacks.explanation_fid.generation.prior: .: not a run folder"),
        ({"independent": "nowhere"}, "callbacks.explanation_fid.generation.independent: nowhere: not a run folder"),
        ({"features": "backbone.blocks.17"}, "backbone.blocks.17"),
    ],
)
def test_what_is_not_there_is_said_before_the_first_epoch(loaded, tmp_path, changed, said):
    opened, data = loaded
    config = ExplanationFidConfig(generation=GenerationConfig(**SEARCH | changed), **POINT)
    with pytest.raises(InputError, match=said):
        ExplanationFid(config, tmp_path).setup(Fake(tmp_path, data), opened.model, "fit")
    assert hooks_of(opened.model) == 0


def test_an_independent_network_judges_and_its_figures_are_logged(loaded, untrained_run, tmp_path):
    opened, data = loaded
    names, given = opened.class_names, {"data.n_val": 72, "model.name": "black_box"}
    twin = untrained_run("twin", class_names=names, **given)
    config = ExplanationFidConfig(generation=GenerationConfig(**SEARCH, independent=str(twin)), **POINT)
    callback = ExplanationFid(config, tmp_path)
    callback.setup(Fake(tmp_path, data), opened.model, "fit")
    callback.on_validation_epoch_end(Fake(tmp_path, data), opened.model)
    assert 0 <= callback.values["alarm/recognised"] <= 1
    assert math.isfinite(callback.values["alarm/transfer"])
    assert 0 <= callback.values["recognised_ceiling"] <= 1
    assert load_points(tmp_path)[0].units[0]["judge"] == "run twin"


def test_work_is_counted_in_latent_steps_and_limits_the_points(loaded, tmp_path):
    opened, data = loaded
    callback = instrument(tmp_path, n_units=1, work_limit=20)
    callback.setup(Fake(tmp_path, data), opened.model, "fit")
    assert callback.schedule.work_per_point == 1 * 3 * 2 * 2
    for epoch in range(3):
        callback.on_validation_epoch_end(Fake(tmp_path, data, epoch), opened.model)
    assert [point.name for point in load_points(tmp_path)] == ["epoch_0001"]  # a second one would make 24
    assert callback.logged["explanation_fid/kernel_distance"] == callback.values["alarm/kernel_distance"]
