import numpy as np
import pytest
import torch

from configs.data_schema import AugmentationConfig
from configs.errors import InputError
from datamodules.clip_source import Clip

OFF = AugmentationConfig(enabled=False)


def decoded(source, split, index):
    return source.arrays[source.splits[split][index].name]


def test_clips_are_padded_at_the_end_and_keep_their_true_length(source, make_datamodule):
    batch = make_datamodule(source, seconds=0.3).batch("val", [0, 1, 2, 3])
    assert batch.waveform.shape == (4, 2400)
    for row, length, index in zip(batch.waveform, batch.length, batch.index, strict=True):
        original = decoded(source, "val", int(index))
        assert int(length) == original.size
        assert not row[length:].any()
        np.testing.assert_allclose(row[:length], original, atol=np.abs(original).max() / 32767)


def test_without_a_fixed_length_a_batch_is_as_long_as_its_longest_clip(source, make_datamodule):
    batch = make_datamodule(source, seconds=None).batch("train", [3, 7, 1])
    sizes = [decoded(source, "train", i).size for i in (3, 7, 1)]
    assert batch.length.tolist() == sizes
    assert batch.waveform.shape == (3, max(sizes))


def test_long_clips_are_cut_in_the_middle_to_evaluate(source, make_datamodule):
    batch = make_datamodule(source, seconds=0.1).batch("test", [2])
    original = decoded(source, "test", 2)
    start = (original.size - 800) // 2
    np.testing.assert_allclose(batch.waveform[0], original[start : start + 800], atol=1e-4)
    assert batch.length.tolist() == [800]


def test_long_clips_are_cut_anywhere_to_train(source, make_datamodule):
    dataset = make_datamodule(source, OFF, seconds=0.1).dataset("train")
    original = decoded(source, "train", 0)
    starts = set()
    for epoch in range(40):
        cut = dataset[epoch, 0].waveform
        found = [s for s in range(original.size - 799) if np.abs(original[s : s + 800] - cut).max() < 1e-3]
        assert len(found) == 1
        starts.update(found)
    assert len(starts) > 30
    assert max(starts) - min(starts) > 0.7 * (original.size - 800)


def test_a_training_sample_depends_on_its_key_only(source, make_datamodule):
    first, second = (make_datamodule(source, seed=5).dataset("train") for _ in range(2))
    keys = [(e, i) for e in range(3) for i in range(12)]
    forward = {key: first[key].waveform for key in keys}
    for key in reversed(keys):
        np.testing.assert_array_equal(second[key].waveform, forward[key])
    assert not np.array_equal(forward[0, 0], forward[1, 0])
    assert not np.array_equal(forward[0, 0], make_datamodule(source, seed=6).dataset("train")[0, 0].waveform)


@pytest.mark.parametrize(
    ("changes", "shape", "dtype"),
    [
        (OFF, (4,), torch.int64),
        (AugmentationConfig(mixup=0.0), (4,), torch.int64),
        (AugmentationConfig(mixup=0.01), (4, 2), torch.float32),
    ],
)
def test_targets_are_soft_for_the_whole_epoch_when_mixup_is_on(source, make_datamodule, changes, shape, dtype):
    datamodule = make_datamodule(source, changes)
    target = next(iter(datamodule.train_dataloader())).target
    assert (target.shape, target.dtype) == (torch.Size(shape), dtype)
    assert next(iter(datamodule.val_dataloader())).target.tolist() == [0, 1, 0, 1]


def test_partial_labels_travel_with_the_clips(source, make_datamodule):
    source.multi_label = True
    seen = (True, False)
    source.splits = {
        split: tuple(Clip(c.name, (1.0, 1.0), c.group, seen) for c in clips) for split, clips in source.splits.items()
    }
    datamodule = make_datamodule(source)
    for batch in (datamodule.batch("val", [0, 1]), next(iter(datamodule.train_dataloader()))):
        assert batch.target.dtype == torch.float32
        assert batch.observed.dtype == torch.bool
        assert batch.observed.tolist() == [list(seen)] * len(batch)


def test_stems_are_cut_and_padded_as_their_clip(source, make_datamodule):
    for clip in source.splits["test"]:
        whole = source.arrays[clip.name]
        source.clean[clip.name] = np.stack([0.25 * whole, 0.75 * whole])
    for seconds in (0.1, 0.3, None):
        batch = make_datamodule(source, seconds=seconds).batch("test", [0, 1, 2], stems=True)
        assert batch.stems.shape == (3, 2, batch.waveform.shape[1])
        torch.testing.assert_close(batch.stems.sum(1), batch.waveform, atol=1e-3, rtol=0)
    assert make_datamodule(source).batch("test", [0]).stems is None


def test_asking_for_stems_that_do_not_exist_says_so(source, make_datamodule):
    with pytest.raises(InputError, match="arrays has no clean sources"):
        make_datamodule(source).batch("test", [0], stems=True)
