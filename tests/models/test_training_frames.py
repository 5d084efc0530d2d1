"""Frames that a dictionary is learned from: all of the sound, nothing of the padding, class by class."""

import torch

from configs.schema import FrontEndConfig
from datamodules.batch import Batch
from models.front_end import FrontEnd
from models.training_frames import training_frames

LENGTHS = [4096, 8192, 2048, 8192, 6000]


class Clips:
    class_names = ("a", "b")

    def __init__(self, multi_label=False):
        self.waveform = torch.rand(5, 8192, generator=torch.Generator().manual_seed(0)) - 0.5
        for row, length in enumerate(LENGTHS):
            self.waveform[row, length:] = 0
        self.target = torch.tensor([[1, 0], [0, 1], [1, 1], [0, 1], [1, 0]]) if multi_label else torch.arange(5) % 2

    def dataset(self, split):
        return range(5)

    def batch(self, split, indices):
        chosen = torch.tensor(indices)
        return Batch(self.waveform[chosen], torch.tensor(LENGTHS)[chosen], self.target[chosen], chosen)


def test_every_frame_of_sound_once():
    front_end = FrontEnd(FrontEndConfig())
    found = torch.cat(list(training_frames(front_end, Clips())), dim=1)
    assert found.shape == (513, sum(1 + n // 512 for n in LENGTHS))
    again = torch.cat(list(training_frames(front_end, Clips())), dim=1)
    assert torch.equal(found, again)
    other = torch.cat(list(training_frames(front_end, Clips(), seed=1)), dim=1)
    assert not torch.equal(found, other)
    torch.testing.assert_close(found.sum(), other.sum())


def test_frames_of_one_class():
    front_end = FrontEnd(FrontEndConfig())
    single = torch.cat(list(training_frames(front_end, Clips(), label=1)), dim=1)
    assert single.shape[1] == 2 * (1 + 8192 // 512)
    several = torch.cat(list(training_frames(front_end, Clips(multi_label=True), label=0)), dim=1)
    assert several.shape[1] == sum(1 + LENGTHS[row] // 512 for row in (0, 2, 4))
