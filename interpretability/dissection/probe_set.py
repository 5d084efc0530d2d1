"""The fixed clips on which the units of a network are measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torchaudio.functional import resample

from configs.errors import InputError


@dataclass(frozen=True, eq=False)
class ProbeBatch:
    """B clips of a probe set.

    Attributes:
        waveform: (B, N) float32, zero beyond each clip's length.
        length: (B,) int64, true number of samples of each clip.
        index: (B,) int64, position of each clip in the whole probe set.
    """

    waveform: Tensor
    length: Tensor
    index: Tensor

    def __len__(self) -> int:
        return int(self.waveform.shape[0])

    def rows(self, chosen: Tensor) -> "ProbeBatch":
        """Return the clips of a mask (B,) bool."""
        return ProbeBatch(self.waveform[chosen], self.length[chosen], self.index[chosen])

    def to(self, device: torch.device | str) -> "ProbeBatch":
        """Return the same clips on another device."""
        return ProbeBatch(self.waveform.to(device), self.length.to(device), self.index.to(device))


@runtime_checkable
class ProbeSet(Protocol):
    """What a dissection needs of the clips: their rate, their names, and themselves in batches.

    Attributes:
        sample_rate: of the waveforms in Hz.
        names: of all N clips of the set, a shard's too.
    """

    sample_rate: int
    names: tuple[str, ...]

    def batches(self) -> Iterator[ProbeBatch]:
        """Yield the clips, always the same ones in the same order; in a distributed run a shard of them."""


@dataclass
class WaveformProbes:
    """Clips in memory as a probe set.

    Attributes:
        waveforms: (N, samples), or one (samples,) tensor for each clip.
        sample_rate: in Hz.
        names: of the clips; "clip 0", "clip 1" ... if none are given.
        batch_size: clips evaluated at once.
        lengths: (N,) true number of samples where the rows of a tensor are padded.

    Raises:
        InputError: No clip, an empty clip, or names or lengths that do not fit.
    """

    waveforms: Tensor | Sequence[Tensor]
    sample_rate: int
    names: tuple[str, ...] = ()
    batch_size: int = 32
    lengths: Tensor | None = None

    def __post_init__(self) -> None:
        count = len(self.waveforms)
        if not count:
            raise InputError("the probe set is empty: give it at least one clip")
        self.names = tuple(self.names) or tuple(f"clip {i}" for i in range(count))
        for what, given in (("names", self.names), ("lengths", self.lengths)):
            if given is not None and len(given) != count:
                raise InputError(f"the probe set has {count} clips but {len(given)} {what}; give one for each clip")
        for name, clip in zip(self.names, self.waveforms, strict=True):
            if clip.ndim != 1 or not len(clip):
                raise InputError(f"clip '{name}' has shape {tuple(clip.shape)}; give samples (N,) of one channel")
        if self.batch_size < 1:
            raise InputError(f"batch_size={self.batch_size}; evaluate at least one clip at once")

    def batches(self) -> Iterator[ProbeBatch]:
        """Yield the clips, padded with zeros to the longest of their batch."""
        for start in range(0, len(self.waveforms), self.batch_size):
            part = torch.arange(start, min(start + self.batch_size, len(self.waveforms)))
            clips = [self.waveforms[int(i)] for i in part]
            sizes = torch.tensor([len(clip) for clip in clips]) if self.lengths is None else self.lengths[part]
            waveform = torch.nn.utils.rnn.pad_sequence([clip.float() for clip in clips], batch_first=True)
            yield ProbeBatch(waveform, sizes.long(), part)


@dataclass
class ResampledProbes:
    """A probe set at another rate, for a model that wants it: resampling happens here, and only if it is asked for.

    Attributes:
        source: the clips as they are.
        sample_rate: in Hz, of what `batches` yields.
    """

    source: ProbeSet
    sample_rate: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the clips."""
        return self.source.names

    def batches(self) -> Iterator[ProbeBatch]:
        """Yield the clips at the new rate; silence after a clip stays silence."""
        for batch in self.source.batches():
            waveform = resample(batch.waveform, self.source.sample_rate, self.sample_rate)
            length = (batch.length * self.sample_rate).div(self.source.sample_rate, rounding_mode="floor")
            length = length.clamp(1, waveform.shape[-1])
            inside = torch.arange(waveform.shape[-1], device=length.device) < length[:, None]
            yield ProbeBatch(waveform * inside, length, batch.index)


def require_rate(probe_set: ProbeSet, wanted: int | None) -> ProbeSet:
    """Return the probe set, which has to be at the rate (Hz) that a model wants; None wants nothing.

    Raises:
        InputError: It is at another rate.
    """
    if wanted is not None and wanted != probe_set.sample_rate:
        raise InputError(
            f"the probe set is at {probe_set.sample_rate} Hz, the model wants {wanted} Hz; give it "
            f"ResampledProbes(probe_set, {wanted})"
        )
    return probe_set
