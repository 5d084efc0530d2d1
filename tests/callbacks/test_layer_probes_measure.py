"""What layer probes measure: planted layers are found, random ones are not; input of no use; what a point costs."""

import json
import math
import random
import time

import numpy as np
import pytest
import torch
from torch import nn

from callbacks.layer_probes_hearing import Hearing, hear
from callbacks.layer_probes_measure import Baseline, measured
from callbacks.layer_probes_run import baseline, heard_now, point
from callbacks.layer_probes_sections import section_rows
from callbacks.layer_probes_subject import ProbeInput, Subject, mixed, subject_of, untrained_twin
from callbacks.layer_probes_targets import targets_of
from configs.compose import compose
from configs.errors import CommandError, InputError
from configs.layer_probes_schema import LayerProbesConfig
from interpretability.isolation import isolated
from interpretability.layers.capture import LayerCapture
from interpretability.layers.probe_score import grouped_folds
from interpretability.layers.time_base import TimeBase
from models.black_box import BlackBoxClassifier

RATE = 8000


def model_of(*more: str) -> BlackBoxClassifier:
    config = compose(
        ["model.name=black_box", "front_end.sample_rate=8000", "front_end.n_mels=32", "backbone.width=4", *more]
    )
    return BlackBoxClassifier(config, ("a", "b"), multi_label=False)


def sounds(count: int, seconds: float = 1.0, seed: int = 0) -> ProbeInput:
    """Voiced tones that swell, of two pitches: the class."""
    draw = torch.Generator().manual_seed(seed)
    at = torch.arange(int(seconds * RATE)) / RATE
    labels = torch.arange(count) % 2
    pitch = 120 + 80 * labels + 10 * torch.rand(count, generator=draw)
    level = 0.1 + 0.4 * torch.rand(count, 1, generator=draw) * torch.sin(math.pi * at / seconds) ** 2
    tone = sum(torch.sin(2 * math.pi * k * pitch[:, None] * at) / k for k in range(1, 6))
    noise = 1e-3 * torch.randn(count, len(at), generator=draw)
    names = tuple(f"clip {i}" for i in range(count))
    return ProbeInput(level * tone + noise, torch.full((count,), len(at)), names, labels, ("a", "b"), names)


def test_a_point_leaves_random_streams_weights_and_flags_as_they_were(tmp_path):
    model = model_of().train()
    settings = LayerProbesConfig()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    flags = [part.training for part in model.modules()]
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    with isolated(model, 3, torch.device("cpu")):
        subject = subject_of(model, [])
        point(tmp_path, subject, baseline(model, subject, sounds(16), settings), settings, 1)
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()
    assert states[2] == random.getstate()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert flags == [part.training for part in model.modules()]
    assert all(not part._forward_hooks for part in model.modules() if not hasattr(part, "compute"))


def test_the_untrained_twin_has_other_weights_and_the_statistics_of_its_own_maps():
    model, given = model_of().eval(), sounds(12)
    twin = untrained_twin(model, given)
    assert not torch.equal(twin.backbone.stem.weight, model.backbone.stem.weight)
    features = twin.analyse(given.given, given.length).features
    assert float(twin.backbone.input_norm.running_mean[0]) == pytest.approx(float(features.mean()), rel=1e-3)
    assert all(not part.training for part in twin.modules())


def test_the_mean_of_z_scores_is_that_of_standardised_channels():
    model, given = model_of().eval(), sounds(6)
    subject = subject_of(model, [])
    path = subject.layers[-1]
    found = hear(subject, given, "zscored").series[path]
    with torch.no_grad(), LayerCapture(model, [path], time_axes=subject.axes) as maps:
        model(given.given, given.length)
    flat = maps[path].double()
    std, mean = torch.std_mean(flat, dim=(0, 2, 3), correction=0, keepdim=True)
    alive = std[0, :, 0, 0] > 0
    expected = ((flat - mean) / std)[:, alive].mean(dim=(1, 2))
    assert torch.allclose(found.double(), expected, atol=1e-4)
    assert not torch.allclose(found, hear(subject, given, "mean").series[path], atol=1e-2)


def test_folds_of_a_probe_set_in_which_classes_take_turns_hold_all_classes():
    classes = mixed(120) % 10
    for folds in (3, 4, 5):
        for _, held in grouped_folds(tuple(range(120)), folds):
            assert len(set(classes[held].tolist())) >= 9
    assert len(set((torch.arange(120) % 10)[grouped_folds(tuple(range(120)), 5)[0][1]].tolist())) == 2


def planted(count: int = 60) -> tuple[Subject, ProbeInput, Hearing, Hearing]:
    """Two layers of 100 Hz: one follows the level and tells the classes apart, the other is noise."""
    given = sounds(count)
    draw = torch.Generator().manual_seed(5)
    level = given.given.square().unflatten(1, (-1, 80)).mean(dim=2).sqrt()
    noise = torch.randn(level.shape, generator=draw)
    features = torch.randn(count, 6, generator=draw)
    knows = torch.cat([features[:, :5], given.labels[:, None] + 0.1 * features[:, 5:]], dim=1)
    clock = TimeBase(jump=TimeBase().jump * 80, centre=TimeBase().centre + 40)
    subject = Subject(
        "classifier", nn.Identity(), ("knows", "noise"), dict.fromkeys(("knows", "noise"), clock), {}, {}, RATE
    )
    length, lm = given.length, torch.randn(count, 6, generator=draw)
    now = Hearing({"knows": level, "noise": noise}, {"knows": knows, "noise": features}, lm, given.given, length)
    other = {path: torch.randn(level.shape, generator=draw) for path in subject.layers}
    blind = Hearing(other, {path: torch.randn(count, 6, generator=draw) for path in other}, lm, given.given, length)
    return subject, given, now, blind


@pytest.mark.parametrize("thorough", [False, True])
def test_a_planted_layer_is_found_and_a_random_one_is_not(thorough):
    subject, given, now, blind = planted()
    targets = targets_of(given.given, given.length, RATE, ["intensity", "f0"])
    found = measured(subject, now, targets, Baseline(given, targets, blind), thorough=thorough)
    rows = {(row.layer, row.contour): row for row in found.carried}
    assert rows["knows", "intensity"].found.r > 0.8
    assert rows["knows", "intensity"].gain[1] > 0.7
    assert abs(rows["noise", "intensity"].found.r) < 0.1
    assert rows["noise", "intensity"].gain[1] < 0.05
    probes = {(row.layer, row.target): row for row in found.probes}
    assert probes["knows", "label"].score > 0.95
    assert probes["knows", "label"].over_untrained[1] > 0.2
    assert abs(probes["noise", "label"].score - 0.5) < 3 * (0.25 / 60) ** 0.5
    if thorough:
        mean, deviation = probes["knows", "label"].permuted
        assert abs(mean - 0.5) < 3 * deviation + 0.02
        assert float(found.weights.weights[0]) > 0.5


def test_sections_are_told_apart_by_the_layer_that_does():
    subject, given, now, _ = planted(8)
    kinds = torch.randint(3, (8, 98), generator=torch.Generator().manual_seed(0))
    seconds = (torch.arange(98) * 0.01 + 0.0125).expand(8, -1)
    targets = targets_of(given.given, given.length, RATE, ["intensity"])
    object.__setattr__(targets, "section", kinds)
    object.__setattr__(targets, "section_seconds", seconds)
    level = torch.nn.functional.pad((kinds == 1).float(), (1, 1), mode="replicate")[:, :100]
    heard = Hearing({"knows": level, "noise": now.series["noise"]}, {}, now.input, now.sound, now.length)
    rows = {(row["layer"], *row["pair"]): row["area"] for row in section_rows(subject, heard, targets, heard)}
    assert rows["knows", "voiced", "fricative"][1] > 0.7
    assert rows["noise", "voiced", "fricative"][1] < 0.5 < rows["noise", "voiced", "fricative"][2]


def test_one_clip_and_silent_or_unvoiced_clips_are_said_not_computed():
    model, settings = model_of().eval(), LayerProbesConfig()
    subject, one = subject_of(model, []), sounds(1)
    base = baseline(model, subject, one, settings)
    found = measured(subject, *heard_now(subject, base, settings), base)
    assert not found.probes
    assert found.within is None
    assert "too few" in found.notes[-1]
    quiet = sounds(14)
    quiet.given[:] = 0
    quiet.given[:3] = 0.1 * torch.randn(3, RATE, generator=torch.Generator().manual_seed(1))
    base = baseline(model, subject, quiet, settings)
    found = measured(subject, *heard_now(subject, base, settings), base)
    assert {row.contour: bool(row.unheard) for row in found.carried if row.layer == subject.layers[0]}["f0"]
    assert any(note.startswith("intensity does not exist in 11 of 14") for note in found.notes)
    assert not [row for row in found.probes if row.target == "f0"]


def test_layers_that_cannot_be_probed_and_settings_that_cannot_be_used():
    model = model_of()
    with pytest.raises(InputError, match=r"layer 'head\.1'.*choose an earlier layer"):
        subject_of(model, ["head.1"])
    with pytest.raises(InputError, match=r"did you mean 'backbone.blocks.1'"):
        subject_of(model, ["backbone.blocks.11"])
    with pytest.raises(CommandError, match=r"n_clips=513 must be at most 512"):
        compose(["callbacks.layer_probes.n_clips=513"])
    with pytest.raises(CommandError, match=r"loudness must be one of intensity"):
        compose(["callbacks.layer_probes.properties=[loudness]"])


def test_a_layer_too_slow_for_a_property_is_said():
    _, given, now, blind = planted(14)
    slow = Subject("classifier", nn.Identity(), ("knows",), {"knows": TimeBase(TimeBase().jump * 1600)}, {}, {}, RATE)
    targets = targets_of(given.given, given.length, RATE, ["intensity"])
    rows = measured(slow, now, targets, Baseline(given, targets, blind)).carried
    assert [row.unheard for row in rows] == ["the layer has 5 steps per second, and 10 are needed"]


@pytest.mark.slow
def test_a_point_of_512_one_second_clips_takes_under_20_seconds_on_one_thread(tmp_path, request):
    """Processor time of one thread is counted: threads that wait for each other on a busy machine burn more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    config = ["model.name=black_box", "front_end.sample_rate=16000", "front_end.n_fft=512", "front_end.hop_length=128"]
    model = BlackBoxClassifier(compose(config), tuple("0123456789"), multi_label=False).eval()
    given, settings = sounds(512, seconds=2.0), LayerProbesConfig(n_clips=512)  # 16,000 samples: one second at 16 kHz
    given = ProbeInput(given.given, given.length, given.names, torch.arange(512) % 10, tuple("0123456789"), given.names)
    subject = subject_of(model, [])
    started = time.process_time()
    base = baseline(model, subject, given, settings)
    first = time.process_time()
    point(tmp_path, subject, base, settings, 1)
    second = time.process_time()
    point(tmp_path, subject, base, settings, 2)
    third = time.process_time()
    print(f"targets and untrained {first - started:.1f} s, first {second - first:.1f} s, later {third - second:.1f} s")
    assert second - started < 20
    assert third - second < 20
    data = json.loads((tmp_path / "layers" / "epoch_0002.json").read_text())
    assert data["n"] == 512
    assert {row["n"] for row in data["probes"]} == {512}
    assert all(row["n"] == 512 for row in data["carried"] if "n" in row)
