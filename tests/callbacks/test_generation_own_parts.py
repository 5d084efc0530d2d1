"""Interpretations against real clips and clean sources: what isolates comes near the sources, what does not is far."""

import math

import pytest
import torch

from callbacks.benchmark_clips import data_of
from callbacks.generation_own_parts import Sounds, compared, distances, halves, own_parts, padded
from configs.errors import InputError
from models.run_loading import load_run

RATE, LENGTH = 22050, 8192


@pytest.fixture
def network(untrained_run):
    return load_run(untrained_run("net", **{"model.name": "black_box"})).model


def sounds(n, random, first):
    """Tones of random height, alone and in noise; the mask that isolates them, and one that keeps a share of all."""
    height = 500 + 3000 * torch.rand(n, 1, generator=random)
    tone = torch.sin(2 * math.pi * height * torch.arange(LENGTH) / RATE)
    whole = tone + 2 * torch.randn(n, LENGTH, generator=random)
    mask = torch.rand(n, LENGTH, generator=random)
    parts = {"whole": whole, "stem": tone, "interpretation": tone, "random_mask": whole * mask}
    return Sounds(tuple(str(first + i) for i in range(n)), parts, torch.full((n,), 0.2))


def test_a_mask_that_isolates_is_near_the_clean_sources_and_far_from_the_clips(network):
    random = torch.Generator().manual_seed(0)
    made, real = sounds(16, random, 0), sounds(16, random, 100)
    found = compared(network, made, real, seed=0)
    kernel = {against: {part: value["kernel"][0] for part, value in of.items()} for against, of in found.items()}
    assert kernel["stems"]["interpretation"] == pytest.approx(kernel["stems"]["floor"])
    assert kernel["stems"]["random_mask"] > kernel["stems"]["interpretation"] + 0.2
    assert kernel["stems"]["whole"] > kernel["stems"]["interpretation"] + 0.2
    assert kernel["real"]["interpretation"] > kernel["real"]["floor"] + 0.2  # punished, were it not for the stems
    assert kernel["real"]["random_mask"] < kernel["real"]["interpretation"]
    assert found["stems"]["floor"]["frechet"] is not None


def test_without_clean_sources_there_is_no_table_of_them(network):
    random = torch.Generator().manual_seed(0)
    made, real = sounds(4, random, 0), sounds(5, random, 100)
    del made.parts["stem"], real.parts["stem"]
    found = compared(network, made, real, seed=0)
    assert found["stems"] is None
    assert found["real"]["interpretation"]["frechet"] is None  # four recordings
    assert set(found["real"]) == {"floor", "interpretation", "random_mask"}


def test_no_recording_stands_on_both_sides():
    recordings = ["a", "a", "a", "b", "c", "c", "d"]
    some, others = halves(range(7), recordings, seed=1)
    assert sorted([*some, *others]) == list(range(7))
    assert not {recordings[i] for i in some} & {recordings[i] for i in others}
    assert min(len(some), len(others)) >= 2


def test_equal_sets_have_no_frechet_distance_and_intervals_hold_their_value():
    features = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    found = distances(features, features, [str(i % 20) for i in range(60)], [str(i % 20) for i in range(60)], seed=0)
    assert found["frechet"][0] == pytest.approx(0, abs=1e-8)
    low, high = found["kernel"][1:]
    assert low <= found["kernel"][0] <= high


def test_clips_of_two_recordings_have_a_distance_without_an_interval():
    random = torch.Generator().manual_seed(0)
    real, made = torch.randn(6, 3, generator=random), torch.randn(4, 3, generator=random)
    found = distances(real, made, list("aabbcc"), list("ddee"), seed=0)
    assert math.isfinite(found["kernel"][0])
    assert found["kernel"][1:] == [None, None]
    assert found["frechet"] is None


def test_shorter_sounds_end_in_silence():
    joined = padded([torch.ones(1, 3), torch.ones(2, 5)], 6)
    assert joined.shape == (3, 6)
    assert joined[0].tolist() == [1, 1, 1, 0, 0, 0]


def test_rows_of_a_run(untrained_run, tmp_path):
    from configs.compose import compose
    from datamodules.sound_scenes import SoundScenes

    given = {"data.n_train": 32, "data.n_val": 80, "data.n_test": 10, "data.seconds": 1}
    given |= {"data.cache_dir": str(tmp_path / "cache")}
    config = compose([f"{key}={value}" for key, value in given.items()])
    names = SoundScenes(config.data, config.front_end.sample_rate).class_names
    run = load_run(untrained_run(class_names=names, **given))
    data = data_of(run)
    twin = load_run(untrained_run("twin", class_names=names, **given | {"model.name": "black_box"})).model
    rows, left_out = own_parts(run.model, data, 80, twin)
    assert len(rows) + len(left_out) == len(names)
    row = rows[0]
    assert row["recordings"] >= 2
    assert 0 < row["energy"] <= 1
    for network in ("own", "judge"):
        for against in ("real", "stems"):
            assert all(math.isfinite(value["kernel"][0]) for value in row[network][against].values())
    assert own_parts(run.model, data, 80)[0][0]["judge"] is None
    with pytest.raises(InputError):
        own_parts(twin, data, 80)
