"""A fixed part of the validation split: the same clips for everyone, each read by one process."""

import pytest
import torch

from callbacks.listening_clips import SPLIT
from callbacks.probe_clips import ProbeClips
from configs.errors import InputError
from interpretability.dissection.probe_set import ProbeSet


@pytest.fixture(scope="module")
def datamodule(tmp_path_factory):
    from configs.compose import compose
    from datamodules.audio_datamodule import AudioDataModule
    from datamodules.sound_scenes import SoundScenes

    config = compose(["data.seconds=1", "data.n_train=24", "data.n_val=22", "data.n_test=6", "data.batch_size=8"])
    config.data.cache_dir = str(tmp_path_factory.mktemp("cache"))
    source = SoundScenes(config.data, config.front_end.sample_rate)
    return AudioDataModule(
        source, config.data, config.front_end.sample_rate, config.augmentation, seed=0, progress=False
    )


def test_it_is_a_probe_set_with_names_targets_and_labels(datamodule):
    probes = ProbeClips.choose(datamodule, 13)
    assert isinstance(probes, ProbeSet)
    assert len(probes) == len(probes.names) == len(set(probes.names)) == 13
    assert [datamodule.class_names[int(c)] for c in probes.targets] == [label for (label,) in probes.labels]
    assert probes.targets[: datamodule.n_classes].unique().numel() == min(13, datamodule.n_classes)
    assert probes.observed is None
    assert ProbeClips.choose(datamodule, 13).names == probes.names


def test_batches_are_the_clips_as_they_are(datamodule):
    probes = ProbeClips.choose(datamodule, 13, batch_size=5)
    batches = list(probes.batches())
    assert [len(batch) for batch in batches] == [5, 5, 3]
    assert torch.cat([batch.index for batch in batches]).tolist() == list(range(13))
    expected = datamodule.batch(SPLIT, probes.indices[5:10])
    assert torch.equal(batches[1].waveform, expected.waveform)
    assert torch.equal(batches[1].length, expected.length)
    assert torch.equal(probes.sound(6), expected.waveform[1, : expected.length[1]])


def test_shards_hold_every_clip_once(datamodule):
    shards = [ProbeClips.choose(datamodule, 13, rank, 3, batch_size=2) for rank in range(3)]
    read = [torch.cat([batch.index for batch in shard.batches()]).tolist() for shard in shards]
    assert sorted(i for part in read for i in part) == list(range(13))
    assert all(shard.names == shards[0].names for shard in shards)
    assert next(shards[1].whole().batches()).index.tolist() == [0, 1]


def test_a_split_without_labels_is_refused(datamodule, monkeypatch):
    monkeypatch.setattr("callbacks.probe_clips.chosen_clips", lambda *_: [])
    with pytest.raises(InputError, match="the probe set is empty"):
        ProbeClips.choose(datamodule, 4)
