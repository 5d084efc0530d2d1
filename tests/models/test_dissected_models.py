"""Dissection of networks of others in five lines: PANNs CNN14 and a spectrogram transformer, small and random."""

import pytest
import torch
from torch import nn

from configs.schema import Cnn14Config, FrontEndConfig
from interpretability.dissection.concepts import one_hot
from interpretability.dissection.dissect import dissect
from interpretability.dissection.probe_set import WaveformProbes
from interpretability.dissection.read_out import Axes
from interpretability.stimuli.parametric import frequency_axis, tones
from interpretability.stimuli.tuning import tuning_curves
from models.cnn14 import Cnn14
from models.front_end import FrontEnd

NAMES = ("low", "middle", "high", "noise")
COUNT = 48  # clips


def recordings(rate, seconds=1.0):
    """Clips (48, N) of low, middle and high tones and noise, and their classes (48,)."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(COUNT) % 4
    time = torch.arange(round(seconds * rate)) / rate
    pitch = torch.tensor([200.0, 1000, 4000, 1000])[classes] * 2 ** (
        0.5 * torch.rand(COUNT, generator=generator) - 0.25
    )
    tone = torch.sin(2 * torch.pi * pitch[:, None] * time)
    noise = torch.randn(COUNT, len(time), generator=generator) / 3
    return torch.where((classes == 3)[:, None], noise, tone + 0.03 * noise) * 0.3, classes


class Panns(nn.Module):
    """CNN14 with few channels behind its own front end: waveforms (B, N) at 32 kHz -> embedding (B, D)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        settings = FrontEndConfig(sample_rate=32000, hop_length=320, f_min=50, f_max=14000, normalize="none")
        self.front_end, self.trunk = FrontEnd(settings), Cnn14(Cnn14Config(), 64, 4)

    def forward(self, waveform):
        return self.trunk(self.front_end.features(self.front_end.stft(waveform))).embedding


def planted(network):
    """A first block whose unit 0 hears the bands of low tones alone: what a right dissection must find."""
    with torch.no_grad():
        network.trunk.bn0.weight.fill_(0.0)
        network.trunk.bn0.weight[:8] = 1.0  # up to about 400 Hz
        for block in (network.trunk.conv_block1,):
            for convolution in (block.conv1, block.conv2):
                convolution.weight[0] = 0.0
                convolution.weight[0, 0, 1, 1] = 1.0
    return network.eval()


def test_panns_in_five_lines():
    network = planted(Panns())
    waveforms, classes = recordings(32000)

    clips = WaveformProbes(waveforms, sample_rate=32000)
    found = dissect(
        network, ["trunk.conv_block1", "trunk.conv_block3"], clips, one_hot(classes, NAMES), axes=PANNS_AXES
    )
    layer = found.layers["trunk.conv_block1"]
    row = int(((layer.names.unit == 0) & (layer.names.pole == 1)).nonzero()[0])
    assert found.name("trunk.conv_block1", row) == "low"

    maps = {}
    handle = network.trunk.conv_block3.register_forward_hook(lambda _, inputs, output: maps.update(it=output))
    with torch.no_grad():
        network(waveforms)
    handle.remove()
    expected = maps["it"].double().mean(dim=(2, 3)).mean(dim=0)
    torch.testing.assert_close(
        found.layers["trunk.conv_block3"].statistics.mean.double(), expected, rtol=1e-3, atol=1e-4
    )
    assert not any(layer._forward_hooks for layer in network.modules())


PANNS_AXES = {name: Axes(units=1, time=2) for name in ("trunk.conv_block1", "trunk.conv_block3")}
"""The published layout has time before frequency."""


def test_the_planted_unit_of_panns_is_tuned_to_what_it_was_planted_on():
    network = planted(Panns())
    curves = tuning_curves(network, ["trunk.conv_block1"], tones(frequency_axis(32000), 32000, 1.0), axes=PANNS_AXES)
    high = curves["trunk.conv_block1"]["tones"].high
    assert float(high.preferred[0]) < 450


def test_a_spectrogram_transformer_in_five_lines():
    transformers = pytest.importorskip("transformers", reason='needs pip install "soundglass[transformers]"')
    torch.manual_seed(0)
    settings = transformers.ASTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_length=96, num_mel_bins=32, num_labels=4, frequency_stride=16, time_stride=16,
    )  # fmt: skip
    network = transformers.ASTForAudioClassification(settings).eval()
    front_end = FrontEnd(FrontEndConfig(sample_rate=16000, hop_length=160, n_mels=32, normalize="none"))
    waveforms, classes = recordings(16000, seconds=0.95)

    def hear(batch):
        return network(input_values=front_end.features(front_end.stft(batch.waveform))[:, 0].transpose(1, 2))

    layer = "audio_spectrogram_transformer.layernorm"  # tokens: two that stand for the clip, then two rows of six
    tokens = {layer: Axes(units=2, time=1, leading=2, bins=2)}
    clips = WaveformProbes(waveforms, sample_rate=16000)
    found = dissect(network, [layer], clips, one_hot(classes, NAMES), axes=tokens, run=hear).layers[layer]

    assert found.statistics.n_units == 16
    assert set(found.names.unit.tolist()) == set(range(16))
    seconds = found.statistics.top.seconds
    assert seconds.min() > 0
    assert seconds.max() < 0.95
    with torch.no_grad():
        hidden = network.audio_spectrogram_transformer(
            input_values=front_end.features(front_end.stft(waveforms))[:, 0].transpose(1, 2)
        ).last_hidden_state
    expected = hidden[:, 2:].double().mean(dim=1).mean(dim=0)
    torch.testing.assert_close(found.statistics.mean.double(), expected, rtol=1e-4, atol=1e-5)
    assert not any(part._forward_hooks for part in network.modules())
