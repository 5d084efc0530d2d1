"""Read-outs by hand and against numpy, masking, axes, and outputs that cannot be read."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.dissection.probe_set import ProbeBatch
from interpretability.dissection.read_out import TOKENS, Axes, UnitReader, check_read_out, laid_out, read


def batch_of(n_clips: int, n_samples: int = 100, lengths: list[int] | None = None) -> ProbeBatch:
    length = torch.tensor(lengths or [n_samples] * n_clips)
    return ProbeBatch(torch.zeros(n_clips, n_samples), length, torch.arange(n_clips))


def test_mean_max_and_the_driving_frames_by_hand() -> None:
    maps = torch.tensor([[[[1.0, 2.0, 0.0, 9.0], [3.0, -8.0, 0.0, 9.0]]]])  # (1, 1, 2, 4); a step lasts 2.5 s at 10 Hz
    whole, cut = batch_of(1), batch_of(1, lengths=[70])  # middles at 12.5, 37.5, 62.5 and 87.5 samples
    assert float(read(maps, whole, 10, "mean").values) == 2
    found = read(maps, cut, 10, "mean")
    assert float(found.values) == pytest.approx(-2 / 6)
    assert (float(found.high), float(found.low)) == pytest.approx((1.25, 3.75))
    assert float(read(maps, cut, 10, "max").values) == 3
    found = read(maps, whole, 10, "max")
    assert (float(found.values), float(found.high)) == pytest.approx((9, 8.75))


def test_a_clip_shorter_than_a_step_keeps_its_first() -> None:
    maps = torch.tensor([[[[5.0, 7.0]]]])
    assert float(read(maps, batch_of(1, lengths=[1]), 10, "mean").values) == 5


@pytest.mark.parametrize("share", [0, 37.5, 50, 95, 100])
def test_percentiles_are_those_of_numpy_inside_the_clip(share: float) -> None:
    torch.manual_seed(0)
    maps = torch.randn(3, 4, 2, 10, dtype=torch.float64)
    found = read(maps, batch_of(3, lengths=[100, 51, 33]), 10, f"p{share}").values
    for clip, steps in enumerate((10, 5, 3)):
        expected = np.percentile(maps[clip, :, :, :steps].reshape(4, -1), share, axis=1)
        assert np.allclose(found[clip], expected, atol=1e-12)


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    maps, length = torch.randn(2, 3, 4, 8), [80, 80]
    padded = torch.cat([maps, torch.full((2, 3, 4, 2), 1e6)], dim=-1)
    for how in ("mean", "max", "p90"):
        short, long = read(maps, batch_of(2, 80, length), 10, how), read(padded, batch_of(2, 100, length), 10, how)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(short, long, strict=True))


@pytest.mark.parametrize("how", ["median", "p", "p101", "p-3", "", "MAX"])
def test_an_unknown_read_out_is_named(how: str) -> None:
    with pytest.raises(InputError, match=f"read_out='{how}': choose mean, max"):
        check_read_out(how)


def test_axes_of_transformers() -> None:
    torch.manual_seed(0)
    tokens = torch.randn(2, 13, 5)  # a class token, then 3 bins x 4 steps
    by_frequency = Axes(units=2, time=1, leading=1, bins=3)
    by_time = Axes(units=2, time=1, leading=1, bins=3, time_first=True)
    first = read(laid_out("x", tokens, by_time), batch_of(2), 10, "first", by_time)
    assert torch.equal(first.values, tokens[:, 0])
    assert bool(first.high.isnan().all())
    mean = read(laid_out("x", tokens, by_time), batch_of(2), 10, "mean", by_time)
    assert torch.allclose(mean.values, tokens[:, 1:].mean(dim=1), atol=1e-6)
    tokens[0, 1 + 7, 2] = 50.0  # time first: step 2, bin 1; frequency first: bin 1, step 3
    places = {
        axes: float(read(laid_out("x", tokens, axes), batch_of(2), 10, "max", axes).high[0, 2])
        for axes in (by_time, by_frequency)
    }
    assert places == {by_time: pytest.approx(2.5 * 2.5), by_frequency: pytest.approx(3.5 * 2.5)}
    series = tokens.transpose(0, 1)  # (T, B, C)
    assert torch.equal(laid_out("x", series, Axes(units=2, time=0, clips=1)), laid_out("x", tokens, TOKENS))
    with pytest.raises(InputError, match="13 tokens do not fill 3"):
        read(laid_out("x", tokens, TOKENS), batch_of(2), 10, "mean", Axes(units=2, time=1, bins=3))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3, padding=1)
        self.twice = nn.Identity()
        self.unused = nn.Identity()
        self.pair = Pair()
        self.head = nn.Linear(4, 3)

    def forward(self, waveform: Tensor) -> Tensor:
        maps, _ = self.pair(self.conv(waveform[:, None]))
        self.twice(maps if waveform.shape[-1] > 50 else maps[:, :2])
        return self.head(maps.mean(dim=-1))


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def reading(layer: str, *batches: ProbeBatch, axes: Axes | None = None, network: Network | None = None) -> Tensor:
    network = network or Network()
    with UnitReader(network, [layer], 10, axes={} if axes is None else {layer: axes}) as reader:
        for batch in batches:
            found = reader.read(batch, lambda b: network(b.waveform))
    assert not network.conv._forward_hooks
    return found[layer].values


def test_series_embeddings_and_picked_outputs_are_read() -> None:
    torch.manual_seed(0)
    network, batch = Network(), ProbeBatch(torch.randn(2, 100), torch.tensor([100, 100]), torch.arange(2))
    maps = network.conv(batch.waveform[:, None])
    assert torch.allclose(reading("conv", batch, network=network), maps.mean(dim=-1), atol=1e-6)
    assert torch.equal(reading("head", batch, network=network), network(batch.waveform))
    picked = reading("pair", batch, axes=Axes(pick=lambda output: output[0]), network=network)
    assert torch.allclose(picked, maps.mean(dim=-1), atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "batches", "message"),
    [
        ("pair", [batch_of(2)], "'pair' returns a tuple, not one map"),
        ("twice", [batch_of(2), batch_of(2, 20)], "'twice' changes its shape: 4 units x 1 bins first, then 2 x 1"),
        ("unused", [batch_of(2)], "'unused' is never called"),
        ("cnov", [batch_of(2)], "did you mean 'conv'"),
    ],
)
def test_a_layer_that_cannot_be_read_is_named_in_one_line(layer: str, batches: list[ProbeBatch], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        reading(layer, *batches)
    assert "\n" not in str(error.value)


def test_a_value_that_is_not_finite_names_the_clip_and_hooks_go_away() -> None:
    network = Network()
    batch = ProbeBatch(torch.zeros(2, 60), torch.tensor([60, 60]), torch.tensor([7, 8]))
    batch.waveform[1, 3] = torch.nan
    with pytest.raises(InputError, match="not finite for clip number 8"), UnitReader(network, ["conv"], 10) as reader:
        reader.read(batch, lambda b: network(b.waveform))
    assert not network.conv._forward_hooks


def test_wrong_axes_are_refused() -> None:
    with pytest.raises(InputError, match=r"no axes for clips \(0\), units \(1\) and time \(1\)"):
        laid_out("x", torch.zeros(2, 3, 4), Axes(time=1))
    with pytest.raises(InputError, match="6 rows for 2 clips"):
        reading("conv", batch_of(2), network=_windowed())


def _windowed() -> Network:
    network = Network()
    network.forward = lambda waveform: network.conv(waveform.repeat(3, 1)[:, None])  # type: ignore[method-assign]
    return network
