"""What a full search costs at its defaults: ten classes, nine settings, 16 latents, 60 steps, halving."""

import time

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from callbacks.benchmark_clips import data_of
from callbacks.generation_search import lanes_of, prepare_search, search_units
from callbacks.generation_units import head_target
from configs.generation_schema import GenerationConfig
from datamodules.sound_scenes import CLASS_NAMES
from interpretability.generation.readings import Readings, measuring
from models.run_loading import load_run

MINUTES, GFLOP = 10, 0.2
FULL = {"data.seconds": 5, "front_end.n_mels": 64, "backbone.width": 16, "data.n_train": 500, "data.n_val": 240}


@pytest.mark.slow
def test_a_full_search_of_ten_classes(untrained_run, tmp_path, capsys):
    settings = {"model.name": "black_box", "data.cache_dir": str(tmp_path / "cache")}
    run = load_run(untrained_run(class_names=CLASS_NAMES, **FULL, **settings))
    # Keeping the strongest step, no example stops early: all steps of all settings are made.
    ground = prepare_search(run.model, data_of(run), GenerationConfig(prior="principal", keep="best"))
    assert ground.network.n_samples == round(1.6 * 22050)
    assert (len(lanes_of(ground.settings, "principal")), ground.settings.latents) == (9, 16)
    started, used = time.perf_counter(), time.process_time()
    found = [search_units(ground, [name])[0] for name in CLASS_NAMES[:10]]
    seconds, used = time.perf_counter() - started, time.process_time() - used
    steps, gflop = sum(unit.search.latent_steps for unit in found), flop_of_a_step(ground) / 1e9
    with capsys.disabled():
        told = f"{used:.0f} s of processor time, {seconds:.0f} s on {torch.get_num_threads()} threads"
        print(f"\nfull search of 10 classes: {told}; {steps} latent-steps of {gflop:.3f} GFLOP")
    assert steps >= 10 * 16 * (9 * 15 + 5 * 15 + 3 * 30)  # none was left out; where settings tie, one more goes on
    assert gflop <= GFLOP
    assert used <= MINUTES * 60  # of one core, so that the load of the machine does not count


def flop_of_a_step(ground):
    """Floating-point operations of one latent's forward and backward pass, two for each multiplication and sum."""
    prior, network = ground.prior, ground.network
    latent = prior.sample(4, torch.Generator().manual_seed(0))
    with (
        measuring(network.module, prior),
        Readings(network.module, {"unit": head_target(0)}, network.run) as reader,
        FlopCounterMode(display=False) as counter,
        torch.enable_grad(),
    ):
        z = latent.clone().requires_grad_()
        torch.autograd.grad(reader.read(prior.decode(z))["unit"][:, 0].sum(), z)
    return counter.get_total_flops() / len(latent)
