"""Baselines on data whose answer is known."""

import pytest
import torch

from configs.schema import FrontEndConfig
from datamodules.batch import Batch
from models.front_end import FrontEnd
from models.simple_baselines import chance, logistic_regression

RATE, SAMPLES = 22050, 8192


class Tones:
    """Three classes told apart by their pitch; every other clip is half padding."""

    def __init__(self, multi_label, shuffled=False):
        self.multi_label, self.shuffled = multi_label, shuffled

    def dataset(self, split):
        return range(60 if split == "train" else 45)

    def batch(self, split, indices):
        generator = torch.Generator().manual_seed(len(self.dataset(split)))
        index = torch.tensor(list(indices))
        pitch = 500.0 * 2 ** (index % 3)
        length = torch.where(index % 2 == 0, SAMPLES, SAMPLES // 2)
        time = torch.arange(SAMPLES) / RATE
        waveform = torch.sin(2 * torch.pi * pitch[:, None] * time) + 0.1 * torch.randn(
            len(index), SAMPLES, generator=generator
        )
        waveform = waveform * (torch.arange(SAMPLES) < length[:, None])
        target = torch.randint(3, (len(index),), generator=generator) if self.shuffled else index % 3
        if not self.multi_label:
            return Batch(waveform, length, target, index)
        observed = torch.ones(len(index), 3, dtype=torch.bool)
        observed[::5, 0] = False
        return Batch(waveform, length, torch.nn.functional.one_hot(target, 3).float(), index, observed)


@pytest.mark.parametrize("multi_label", [False, True])
def test_separable_classes_are_separated_and_random_labels_are_not(multi_label):
    front_end = FrontEnd(FrontEndConfig())
    assert logistic_regression(front_end, Tones(multi_label)) > 0.99
    assert logistic_regression(front_end, Tones(multi_label, shuffled=True)) < 0.65


def test_chance_is_the_commonest_class_or_the_mean_prevalence():
    assert chance(Tones(False)) == pytest.approx(1 / 3)
    assert chance(Tones(True)) == pytest.approx((12 / 36 + 2 * 15 / 45) / 3, abs=0.03)
