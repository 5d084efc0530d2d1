"""From captions to the names of units of a network: by words, by concepts scored with captions, by common words."""

import pytest
import torch
from torch import nn

from interpretability.dissection.caption_embedding import NgramEmbedder
from interpretability.dissection.caption_words import word_concepts
from interpretability.dissection.captions import Captions, concepts_from_captions
from interpretability.dissection.dissect import dissect
from interpretability.dissection.probe_set import WaveformProbes
from interpretability.dissection.summary_words import common_words

RATE, N = 8000, 120
HERTZ = (300.0, 900.0, 2500.0)
SAID = ("A dog barks in the {}.", "A church bell rings in the {}.", "Rain falls in the {}.")
PLACES = ("garden", "street", "hall", "yard")


class Tones(nn.Module):
    """Each unit hears one tone; the last one hears nothing that a caption speaks of."""

    def __init__(self):
        super().__init__()
        self.heard = nn.Conv1d(1, 4, 400, stride=200, bias=False)
        time = torch.arange(400) / RATE
        with torch.no_grad():
            for unit, hertz in enumerate((*HERTZ, 1600.0)):
                self.heard.weight[unit, 0] = torch.sin(2 * torch.pi * hertz * time) / 20

    def forward(self, waveform):
        return self.heard(waveform[:, None]).abs().mean(dim=2)


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(4000) / RATE
    tones = [torch.sin(2 * torch.pi * HERTZ[i % 3] * time) for i in range(N)]
    clips = [tone + torch.randn(4000, generator=generator) for tone in tones]
    texts = tuple(SAID[i % 3].format(PLACES[i // 3 % 4]) + " The audio is of fair quality." for i in range(N))
    probes = WaveformProbes(clips, RATE)
    return Tones(), probes, Captions(probes.names, texts, "test")


def named(found):
    layer = found.layers["heard"]
    chosen = [found.concepts.names[i] if i >= 0 else None for i in layer.names.concept.tolist()]
    return {(int(u), int(p)): name for u, p, name in zip(layer.names.unit, layer.names.pole, chosen, strict=True)}


def test_units_are_named_by_words_and_tested(data):
    model, probes, captions = data
    concepts = word_concepts(captions)
    assert {"garden", "dog", "bell", "rain"} <= set(concepts.names)
    assert "quality" not in concepts.names
    found = named(dissect(model, ["heard"], probes, concepts))
    assert found[0, 1] in {"dog", "barks"}
    assert found[1, 1] in {"church", "bell", "rings"}
    assert found[2, 1] in {"rain", "falls"}


def test_units_are_named_by_concepts_of_a_list(data):
    model, probes, captions = data
    embed = NgramEmbedder([*captions.texts])
    concepts = concepts_from_captions(captions, ("dog", "church_bells", "rain", "helicopter"), embed, scale=20.0)
    found = named(dissect(model, ["heard"], probes, concepts))
    assert [found[unit, 1] for unit in range(3)] == ["dog", "church_bells", "rain"]


def test_what_the_top_clips_have_in_common(data):
    model, probes, captions = data
    statistics = dissect(model, ["heard"], probes, word_concepts(captions)).layers["heard"].statistics
    found = common_words(captions, statistics.top.clips, statistics.bottom.clips)
    said = [{word.word for word in summary.words} for summary in found]
    assert said[:3] == [{"dog", "barks"}, {"church", "bell", "rings"}, {"rain", "falls"}]
