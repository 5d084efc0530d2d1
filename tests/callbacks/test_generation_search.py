"""What units of a run ask for: units by name, priors, references, the trace that no search leaves, and its files."""

import dataclasses
import functools
import math

import pytest
import torch

from callbacks.benchmark_clips import data_of
from callbacks.explain_generations import endless
from callbacks.generation_excerpts import BATCH, excerpt_starts, training_excerpts
from callbacks.generation_files import point_name, record_of, write_generations
from callbacks.generation_search import prepare_search, refreshed, search_units
from callbacks.generation_units import units_of
from configs.errors import InputError
from configs.generation_schema import GenerationConfig
from interpretability.generation.frame_autoencoder import FrameTraining
from interpretability.generation.frame_prior import FramePrior
from models.run_loading import load_run
from report.generations_file import END, MEDIA, load_points
from report.sound_file import read_sound

DATA = {"data.n_train": 32, "data.n_val": 40, "data.n_test": 10, "data.seconds": 1}
QUICK = {"seconds": 0.4, "latents": 4, "snapshots": [2, 4], "lr": [0.3, 0.1], "transform": [0.0]}
QUICK |= {"vocoder_iterations": 2, "class_share": 1.0, "shown": 2, "halving": False}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def opened(untrained_run, cache):
    """Function that gives a loaded run of an untrained model on a few sound scenes, and its data."""
    from datamodules.sound_scenes import SoundScenes

    def load(name="run", **settings):
        from configs.compose import compose

        given = DATA | {"data.cache_dir": str(cache)} | settings
        config = compose([f"{key}={value}" for key, value in given.items() if not key.startswith("model.name")])
        names = SoundScenes(config.data, config.front_end.sample_rate).class_names
        run = load_run(untrained_run(name, class_names=names, **given))
        return run, data_of(run)

    return load


@pytest.fixture
def ground(opened):
    run, data = opened()
    run.model.bottleneck.weight.data *= 1e4  # an untrained network hardly answers
    return prepare_search(run.model, data, GenerationConfig(**QUICK))


def hooks_of(module):
    return sum(len(part._forward_hooks) for part in module.modules())


def test_units_by_name(ground):
    names = ground.network.module.class_names
    keys = [names[2], "head:1", "backbone.blocks.0:3", "bottleneck:5"]
    found = units_of(ground.network, keys)
    assert [(unit.layer, unit.number, unit.name) for unit in found] == [
        ("head", 2, names[2]),
        ("head", 1, names[1]),
        ("backbone.blocks.0", 3, "backbone.blocks.0 unit 3"),
        ("bottleneck", 5, "component 5"),
    ]
    assert [unit.name for unit in units_of(ground.network, [])] == list(names)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("beII", "did you mean 'bell'"),
        ("head:99", r"no unit 99; the nearest is \d+"),
        ("bottleneck:8", "units 0 to 7"),
        ("backbone.block.0:1", "did you mean 'backbone.blocks"),
        ("backbone.blocks.0:-1", "no unit -1; the nearest is 0"),
        ("head:dog", "after the colon comes the unit's number"),
    ],
)
def test_a_unit_that_does_not_exist_is_named_with_the_nearest(ground, key, said):
    with pytest.raises(InputError, match=said):
        units_of(ground.network, [key])


def test_a_black_box_has_no_components(opened):
    run, data = opened(**{"model.name": "black_box"})
    black_box = prepare_search(run.model, data, GenerationConfig(**QUICK))
    with pytest.raises(InputError, match="has no components"):
        units_of(black_box.network, ["bottleneck:0"])


def test_excerpts_are_heard_as_the_classifier_hears_clips(ground):
    excerpts, module = ground.excerpts, ground.network.module
    waveform = torch.stack([excerpts.waveform(place) for place in (0, 7)])
    assert waveform.shape[1] == round(0.4 * 22050)
    with torch.no_grad():
        torch.testing.assert_close(ground.network.run(excerpts.inputs[[0, 7]]), module(waveform))
    starts = excerpts.starts[excerpts.clips == excerpts.clips[0]]
    assert len(starts) == len(excerpt_starts(torch.ones(22050), excerpts.n_samples))


def test_silence_is_no_excerpt():
    sound = torch.zeros(1000)
    sound[:240] = 1
    assert excerpt_starts(sound, 200) == [0, 100, 200]
    assert excerpt_starts(torch.zeros(1000), 200) == []


def test_a_search_leaves_no_trace(ground):
    module = ground.network.module.train()
    module.backbone.blocks[0].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    flags, hooks, random = [part.training for part in module.modules()], hooks_of(module), torch.get_rng_state()
    with torch.inference_mode():
        found = search_units(ground, ["head:0", "bottleneck:5"], share=0.5)
    assert len(found) == 2
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert [part.training for part in module.modules()] == flags
    assert hooks_of(module) == hooks
    assert torch.equal(torch.get_rng_state(), random)
    again = search_units(ground, ["head:0"])[0]
    assert torch.equal(again.latent, found[0].latent)
    assert not again.latent.is_inference()


def test_what_is_found_is_stronger_and_counted(ground):
    seen = []
    found = search_units(ground, ["head:3"], watch=lambda *told: seen.append(told), keep="best")[0]
    assert found.activation.median() > found.search.start_activation.median()
    assert len(found.scores) == 4
    assert found.features.shape == (4, *ground.network.sound.shape)
    assert found.waveform.shape[0] == 4
    assert found.waveform.isfinite().all()
    assert "Griffin-Lim" in found.vocoding
    assert set(found.nearest.tolist()) <= set(found.reference.places.tolist())
    assert {ground.excerpts.labels[place][0] for place in found.reference.places.tolist()} == {3}
    assert found.reference.n_recordings == len({ground.excerpts.recordings[p] for p in found.reference.places.tolist()})
    assert max(found.reference.recordings.count(r) for r in set(found.reference.recordings)) <= 3
    assert seen[-1] == (ground.network.module.class_names[3], found.search.latent_steps, 2 * 4 * 4)
    assert found.search.latent_steps == 2 * 4 * 4


def test_few_recordings_have_a_kernel_distance_alone(ground):
    found = search_units(ground, ["head:3"])[0]
    assert found.reference.n_recordings < 10
    assert found.by == "kernel"
    assert math.isnan(found.choice.score.layer)
    assert math.isfinite(found.choice.score.kernel)
    assert found.floors.frechet is None
    assert found.floors.kernel is not None


def test_many_recordings_have_a_frechet_distance(ground):
    found = search_units(ground, ["bottleneck:1"], share=0.8)[0]
    assert found.reference.n_recordings >= 10
    assert found.by == "frechet"
    assert found.choice.score.layer > 0
    assert found.floors.frechet.low <= found.floors.frechet.mean <= found.floors.frechet.high
    assert found.ceiling.step == 0


def test_the_distance_of_endless_sounds_stands_beside_that_of_the_chosen_setting(ground):
    assert search_units(ground, ["bottleneck:1"], share=0.8)[0].endless is None  # no line through four sounds
    changes = {"share": 0.8, "latents": 16}
    found = search_units(ground, ["bottleneck:1"], **changes)[0]
    assert found.endless.distance < found.choice.score.layer
    assert found.endless.r_squared <= 1
    assert record_of(found, ground, 1)["endless"] == pytest.approx(list(found.endless), rel=1e-5)
    assert endless(found) == f"; endless sounds {found.endless.distance:.3g}, R2 {found.endless.r_squared:.2f}"
    assert search_units(ground, ["bottleneck:1"], {found.key: refreshed(found)}, **changes)[0].endless is None


@pytest.mark.parametrize("aim", ["minimise", "reach"])
def test_other_aims(ground, aim):
    found = search_units(ground, ["head:3"], aim=aim, keep="best", share=0.2)[0]
    start = found.search.start_activation
    if aim == "minimise":
        assert found.activation.median() < start.median()
        assert 3 not in {c for place in found.reference.places.tolist() for c in ground.excerpts.labels[place]}
    else:
        level = found.search.target.level
        assert level == pytest.approx(float(found.reference.activation.mean()))
        assert (found.activation - level).abs().mean() < (start - level).abs().mean()


def test_too_few_excerpts_are_counted(ground):
    with pytest.raises(InputError, match=r"voice: \d+ reference excerpts of \d+ recordings, and 50 are needed"):
        search_units(ground, ["voice"], least=50)


def test_a_constant_unit_is_refused(ground):
    ground.network.module.bottleneck.weight.data[4] = 0
    with pytest.raises(InputError, match=r"give the activation -?0: none excites the unit"):
        search_units(ground, ["head:4"])


def test_clips_shorter_than_an_excerpt_are_refused(opened):
    run, data = opened()
    with pytest.raises(InputError, match=r"as long as an excerpt of 1.60 s.*the longest of 40 has 1.00 s"):
        prepare_search(run.model, data, GenerationConfig())


def test_a_warm_start_goes_on_from_the_latents_of_an_earlier_search(ground):
    first = search_units(ground, ["head:3"])[0]
    second = search_units(ground, ["head:3"], {"head:3": refreshed(first)}, snapshots=[3])[0]
    assert second.warm
    assert len(second.scores) == 1
    assert torch.equal(second.search.start, first.latent)
    torch.testing.assert_close(second.search.start_activation, first.activation, rtol=1e-4, atol=1e-4)


def test_input_space_needs_no_training_either(opened):
    run, data = opened()
    ground = prepare_search(run.model, data, GenerationConfig(**QUICK | {"prior": "input"}))
    assert "input space" in ground.prior_note
    assert "untrained" in ground.prior_note
    found = search_units(ground, ["bottleneck:2"], share=0.5)[0]
    floor = float(ground.network.encode(torch.zeros(1, ground.network.n_samples)).min())
    assert found.features.min() >= floor


def test_frames_of_training_excerpts_are_learned_on_the_spot(opened, monkeypatch):
    short = functools.partial(FramePrior, training=FrameTraining(steps=20, batch=64))
    monkeypatch.setattr("callbacks.generation_priors.FramePrior", short)
    run, data = opened()
    ground = prepare_search(run.model, data, GenerationConfig(**QUICK | {"prior": "frames", "lr": []}))
    assert ground.prior_note.startswith("learned on the spot: frames of training excerpts, and 64 directions")
    found = search_units(ground, ["bottleneck:2"], share=0.5)[0]
    assert {score.lane.split(",")[1] for score in found.scores} == {" weight 10", " weight 1", " weight 0.1"}
    floor = float(ground.network.encode(torch.zeros(1, ground.network.n_samples)).min())
    assert found.features.min() >= floor
    assert not torch.equal(found.features, found.start_features)


def test_training_excerpts_are_dealt_evenly_over_clips(opened):
    run, data = opened()
    ground = prepare_search(run.model, data, GenerationConfig(**QUICK))
    n_clips, heard = len(data.dataset("train").clips), []

    def encode(waveform):
        heard.append(len(waveform))
        return ground.network.encode(waveform)

    found = training_excerpts(data, dataclasses.replace(ground.network, encode=encode), n_clips + n_clips // 4)
    assert len(found) == n_clips + n_clips // 4
    assert len(heard) == -(-n_clips // BATCH)  # the last clips are heard as well
    assert max(heard) - min(heard) <= 1
    assert torch.equal(found, training_excerpts(data, ground.network, n_clips + n_clips // 4))


def test_the_judge_is_another_network(opened):
    run, data = opened()
    other, _ = opened("twin", **{"model.name": "black_box"})
    settings = GenerationConfig(**QUICK | {"independent": str(other.path)})
    ground = prepare_search(run.model, data, settings)
    assert ground.judge == "run twin"
    by_class, by_component = search_units(ground, ["voice", "bottleneck:2"], share=0.5)
    assert 0 <= by_class.choice.score.recognised <= 1
    assert math.isfinite(by_class.choice.score.independent)
    assert math.isnan(by_component.choice.score.recognised)
    assert math.isfinite(by_component.choice.score.independent)
    with pytest.raises(InputError, match="has the weights of the network that is explained"):
        prepare_search(other.model, data, settings)
    other, _ = opened("bands", **{"model.name": "black_box", "front_end.n_mels": 24})
    with pytest.raises(InputError, match=r"its front end differs: front_end.n_mels=24, not 32; train one with these"):
        prepare_search(run.model, data, GenerationConfig(**QUICK | {"independent": str(other.path)}))


def test_files_are_what_the_report_reads(ground, tmp_path):
    found = search_units(ground, ["voice", "bottleneck:2"], share=0.5)
    write_generations(tmp_path, point_name(3), found, ground, 3)
    write_generations(tmp_path, END, found[:1], ground, 4)
    points = load_points(tmp_path)
    assert [(point.name, point.epoch, len(point.units)) for point in points] == [("epoch_0003", 3, 2), ("end", 4, 1)]
    voice, component = points[0].units
    assert (voice["layer"], voice["name"], component["layer"], component["unit"]) == ("", "voice", "bottleneck", 2)
    assert voice["floor"]["frechet"] is None
    assert voice["prior"]["trained"] is False
    assert "untrained" in voice["prior"]["note"]
    assert "skipped" in voice["judge_note"]
    assert voice["lanes"][voice["chosen"]]["recognised"] is None
    assert {(lane["lr"], lane["step"]) for lane in voice["lanes"]} == {(0.3, 2), (0.1, 2), (0.3, 4), (0.1, 4)}
    example = voice["examples"][0]
    assert example["activation"] >= voice["examples"][1]["activation"]
    bands, frames = ground.network.sound.shape[1:]
    assert (example["panel"]["bands"], example["panel"]["frames"]) == (bands, frames)
    order = found[0].activation.argsort(descending=True)
    nearest = int(ground.excerpts.clips[found[0].nearest[order[0]]])
    assert example["nearest"]["clip"] == ground.excerpts.datamodule.clip("val", nearest).name
    files = [part["file"] for e in voice["examples"] for part in (e, e["nearest"])]
    assert len(files) == 4
    sound = read_sound(tmp_path / MEDIA / files[0])
    assert abs(sound).max() == pytest.approx(1, abs=1e-4)
