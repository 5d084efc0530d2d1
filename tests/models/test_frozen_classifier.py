"""A frozen classifier hears through our front end or as it likes, and says what does not fit."""

import pytest
import torch
from torch import nn

from configs.errors import InputError
from configs.schema import FrontEndConfig
from models.classifier import Analysis
from models.classifier_sources import load_frozen
from models.front_end import FrontEnd
from models.frozen_classifier import probes

FRONT_END = FrontEnd(FrontEndConfig(sample_rate=8000))
NAMES = ("a", "b")


class Levels(nn.Module):
    """Logits that are the mean level and its negative; hears clips of one length only, if asked to."""

    sample_rate = 8000

    def __init__(self, only=None, noisy=False):
        super().__init__()
        self.only, self.dropout = only, nn.Dropout(0.5)
        self.noisy = noisy

    def forward(self, waveform):
        if self.only and waveform.shape[1] != self.only:
            raise ValueError(f"takes {self.only} samples,\ngot {waveform.shape[1]}")
        level = waveform.square().mean(dim=1, keepdim=True).sqrt()
        if self.noisy:
            level = level + torch.rand_like(level)
        return torch.cat([level, -level], dim=1)


def test_a_foreign_classifier_hears_the_waveform_or_the_inverted_spectrum():
    frozen, waveform = load_frozen(Levels()), probes(4096, 2)
    spectrum = FRONT_END.stft(waveform)
    heard = frozen.respond(Analysis(spectrum, FRONT_END.features(spectrum), None, None, waveform), FRONT_END)
    assert torch.equal(heard, Levels()(waveform))
    inverted = frozen.respond(Analysis(spectrum, FRONT_END.features(spectrum), None, None), FRONT_END)
    torch.testing.assert_close(inverted, heard, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Levels(only=100), r"Levels cannot hear 8 clips of 4096 samples: takes 100 samples, got 4096"),
        (Levels(noisy=True), "answers differently each time; was it exported in training mode"),
        (nn.Sequential(Levels(), nn.Softmax(dim=1)), "at which rate was it trained"),
    ],
)
def test_a_foreign_classifier_that_does_not_fit_is_refused_in_one_line(module, message):
    with pytest.raises(InputError, match=message) as caught:
        load_frozen(module).check(FRONT_END, NAMES, multi_label=False, n_samples=4096)
    assert "\n" not in str(caught.value)


def test_a_foreign_classifier_that_fits_is_taken():
    load_frozen(Levels(only=4096)).check(FRONT_END, NAMES, multi_label=False, n_samples=4096)


def test_what_looks_like_probabilities_may_be_said_to_be_logits():
    frozen = load_frozen(nn.Sequential(Levels(), nn.Softmax(dim=1)), sample_rate=8000, outputs="logits")
    frozen.check(FRONT_END, NAMES, multi_label=False, n_samples=4096)
    assert torch.equal(frozen(probes(4096, 2)), Levels()(probes(4096, 2)).softmax(dim=1))
