import numpy as np
import pytest
import torch
from pytorch_lightning.utilities import move_data_to_device

from datamodules.batch import Batch, clip_generator


def test_generator_repeats_and_its_keys_are_independent():
    keys = [(s, e, i, t) for s in (-1, 0, 2**40) for e in (0, 1) for i in (0, 1, 2**33) for t in (0, 1)]
    draws = {key: tuple(clip_generator(*key).integers(0, 2**62, 4).tolist()) for key in keys}
    assert len(set(draws.values())) == len(keys)
    assert draws == {key: tuple(clip_generator(*key).integers(0, 2**62, 4).tolist()) for key in keys}


def test_neighbouring_clips_do_not_run_into_one_stream():
    first, second = clip_generator(0, 0, 0).random(20_000), clip_generator(0, 0, 1).random(20_000)
    assert not np.isin(first, second).any()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


def test_generator_leaves_the_global_streams_alone():
    np.random.seed(3)
    torch.manual_seed(3)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    clip_generator(0, 0, 0).random(10)
    assert (np.random.get_state()[1] == before[0]).all()
    assert torch.equal(torch.get_rng_state(), before[1])


def test_the_stream_of_a_key_is_fixed_for_good():
    # Philox4x64-10 by the reference counter; another value here means that old runs can no longer be repeated.
    generator = np.random.Generator(np.random.Philox(key=[7, 0], counter=[0, 0, 3, 5]))
    assert clip_generator(7, 3, 5).random() == generator.random()


@pytest.mark.parametrize("move", [lambda b: b.to("meta"), lambda b: move_data_to_device(b, torch.device("meta"))])
def test_moving_moves_every_tensor_and_keeps_none(move):
    batch = Batch(torch.zeros(3, 5), torch.full((3,), 5), torch.zeros(3), torch.arange(3), stems=torch.zeros(3, 2, 5))
    moved = move(batch)
    assert isinstance(moved, Batch)
    assert len(moved) == 3
    assert {t.device.type for t in (moved.waveform, moved.length, moved.target, moved.index, moved.stems)} == {"meta"}
    assert moved.observed is None
    assert batch.waveform.device.type == "cpu"
