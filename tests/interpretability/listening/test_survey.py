"""A survey finds where a planted component is heard, and counts classes by hand."""

import itertools

import torch

from interpretability.listening.interpretation import Interpretation
from interpretability.listening.survey import Survey, clarity


def said(activations, logits, dictionary):
    return Interpretation(
        class_names=("a", "b", "c"),
        multi_label=False,
        sample_rate=8000,
        n_samples=100,
        hop_length=4,
        logits=logits,
        prior=None,
        relevance=torch.rand(len(logits), 3, activations.shape[1]),
        activations=activations,
        dictionary=dictionary,
        spectrum=torch.zeros(len(logits), dictionary.shape[0], activations.shape[2], dtype=torch.complex64),
        level=torch.ones(len(logits)),
        inverse=lambda spectrum, length: torch.zeros(*spectrum.shape[:-2], length),
    )


def test_the_clearest_place_is_where_a_component_is_loud_and_alone():
    generator = torch.Generator().manual_seed(0)
    activations = torch.rand(2, 4, 30, generator=generator) * 0.1
    activations[1, 2, 12:16] = 3.0  # loud and alone
    activations[0, 2, 5:9] = 4.0  # louder, but all others too
    activations[0, :, 5:9] += 40.0
    activations[0, 2, 5:9] = 4.0
    dictionary = torch.rand(7, 4, generator=generator) + 0.5
    survey = Survey(3, 4, width=4)
    for start in (0, 1):  # one clip at a time gives the same
        part = said(activations[start : start + 1], torch.eye(3)[start : start + 1], dictionary)
        survey.update(part, torch.ones(4), torch.tensor([10 + start]), torch.ones(1, 3, dtype=torch.bool))
    assert survey.places[2][:2] == (11, 12)
    values = clarity(activations, dictionary, torch.ones(4), 4)
    assert survey.places[2].clarity == float(values[:, 2].max())


def test_clarity_equals_a_plain_loop_and_bears_silence_and_short_clips():
    activations, dictionary, scale = torch.rand(1, 3, 6), torch.rand(5, 3), torch.tensor([1.0, 2.0, 4.0])
    found = clarity(activations, dictionary, scale, 2)
    total = (dictionary @ activations).sum(dim=1)[0]
    for k in range(3):
        heard = [
            float(activations[0, k, t] * dictionary[:, k].sum() / total[t] * activations[0, k, t] / scale[k])
            for t in range(6)
        ]
        expected = [(a + b) / 2 for a, b in itertools.pairwise(heard)]
        torch.testing.assert_close(found[0, k], torch.tensor(expected))
    assert clarity(activations, dictionary, scale, 100).shape == (1, 3, 1)
    assert torch.equal(clarity(torch.zeros(1, 3, 6), dictionary, scale, 2), torch.zeros(1, 3, 5))


def test_hits_and_recall():
    survey = Survey(3, 4, width=2)
    logits = torch.eye(3)[[0, 0, 1]]
    truth = torch.tensor([[True, False, False], [False, True, False], [False, True, False]])
    survey.update(said(torch.rand(3, 4, 8), logits, torch.rand(7, 4)), torch.ones(4), torch.arange(3), truth)
    assert survey.n_clips == 3
    assert survey.relevance.count.tolist() == [2, 1, 0]
    assert survey.recall[:2].tolist() == [1.0, 0.5]
    assert torch.isnan(survey.recall[2])
