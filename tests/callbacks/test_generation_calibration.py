"""The floor band on real audio: spoken digits of speakers that the classifier never heard fall inside it as it says."""

import pytest
import torch

import train
from callbacks.benchmark_clips import data_of
from callbacks.generation_network import network_of
from callbacks.generation_units import head_target
from configs.compose import compose
from interpretability.generation.frechet_uncertainty import floor_band
from interpretability.generation.judge import reduced_frechet
from interpretability.generation.kernel_distance import kernel_distance
from models.run_loading import load_run

REFERENCE, SIZE, DRAWS = 60, 16, 30
"""Recordings that set a band, recordings that did not and are held against it, and draws of both for each digit."""


@pytest.mark.slow
@pytest.mark.real_data
def test_other_recordings_fall_inside_the_floor_band(shared_data, tmp_path, capsys):
    places = [f"data.root={shared_data / 'fsdd'}", f"data.cache_dir={tmp_path / 'cache'}", f"output={tmp_path}"]
    off = ["logger.wandb=disabled", "trainer.progress=false", "callbacks.listening.enabled=false"]
    summary = train.train(compose(["experiment=digits_black_box", *places, *off, "trainer.max_epochs=6"]))
    features, digits = heard(load_run(summary["run"]))
    shares = {}
    for name, distance in (("kernel", kernel_distance), ("Fréchet", reduced_frechet)):
        random, inside = torch.Generator().manual_seed(0), []
        for digit in range(10):
            own = features[digits == digit]
            for _ in range(DRAWS):
                order = torch.randperm(len(own), generator=random)
                real, others = own[order[:REFERENCE]], own[order[REFERENCE : REFERENCE + SIZE]]
                band = floor_band(real, SIZE, random, draws=100, distance=distance)
                inside.append(band.holds(float(distance(real, others))))
        shares[name] = sum(inside) / len(inside)
    with capsys.disabled():
        told = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        print(f"\nreal recordings inside the floor band: {told}; n = {10 * DRAWS} draws each")
    assert all(0.85 <= share <= 0.95 for share in shares.values())


def heard(run):
    """Embeddings (n, D) of the recordings of all held-out speakers, and their digits (n,)."""
    data = data_of(run)
    network = network_of(run.model, data.n_samples)
    listener, found, digits = network.listener(head_target(0)), [], []
    for split in ("val", "test"):
        clips = data.dataset(split).clips
        for begin in range(0, len(clips), 64):
            part = list(range(begin, min(begin + 64, len(clips))))
            found.append(listener.hears(network.encode(data.batch(split, part).waveform))[1])
            digits += [clips[i].target for i in part]
    return torch.cat(found).double(), torch.tensor(digits)
