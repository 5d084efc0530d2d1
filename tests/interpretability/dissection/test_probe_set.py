"""Probe sets: padding, names, rates."""

import pytest
import torch

from configs.errors import InputError
from interpretability.dissection.probe_set import ProbeSet, ResampledProbes, WaveformProbes, require_rate


def test_clips_come_in_batches_with_their_lengths_and_positions() -> None:
    clips = WaveformProbes([torch.ones(5), torch.ones(3), torch.ones(7)], 10, batch_size=2)
    assert isinstance(clips, ProbeSet)
    assert clips.names == ("clip 0", "clip 1", "clip 2")
    first, second = clips.batches()
    assert first.waveform.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert (first.length.tolist(), first.index.tolist()) == ([5, 3], [0, 1])
    assert (second.length.tolist(), second.index.tolist(), len(second)) == ([7], [2], 1)
    assert second.rows(torch.tensor([False])).waveform.shape == (0, 7)


@pytest.mark.parametrize(
    ("waveforms", "options", "message"),
    [
        ([], {}, "probe set is empty"),
        ([torch.ones(4), torch.ones(0)], {}, "clip 'clip 1' has shape"),
        ([torch.ones(2, 4)], {}, "one channel"),
        (torch.ones(3, 4), {"names": ("a", "b")}, "3 clips but 2 names"),
        (torch.ones(3, 4), {"lengths": torch.ones(4)}, "3 clips but 4 lengths"),
        (torch.ones(3, 4), {"batch_size": 0}, "batch_size=0"),
    ],
)
def test_what_is_no_probe_set_is_refused(waveforms: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        WaveformProbes(waveforms, 10, **options)


def test_another_rate_is_refused_until_it_is_asked_for() -> None:
    seconds = torch.arange(4800) / 4800
    tone = torch.sin(2 * torch.pi * 100 * seconds)
    clips = WaveformProbes([tone, tone[:2400]], 4800)
    with pytest.raises(InputError, match=r"4800 Hz, the model wants 1600 Hz; .*ResampledProbes"):
        require_rate(clips, 1600)
    assert require_rate(clips, None) is clips
    slower = ResampledProbes(clips, 1600)
    assert require_rate(slower, 1600).names == clips.names
    (batch,) = slower.batches()
    assert batch.length.tolist() == [1600, 800]
    expected = torch.sin(2 * torch.pi * 100 * torch.arange(1600) / 1600)
    assert float((batch.waveform[0] - expected)[50:-50].abs().max()) < 0.02
    assert not batch.waveform[1, 800:].any()
