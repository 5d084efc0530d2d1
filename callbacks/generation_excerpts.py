"""Held-out excerpts of a run's own clips: what units really respond to, and what generated sounds are compared with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from callbacks.generation_network import Network
from callbacks.listening_clips import SPLIT, chosen_clips, held_classes
from configs.errors import InputError
from interpretability.generation.prior import kept

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule

QUIET = 1e-3
"""Peak, relative to that of its clip, below which an excerpt is silence (-60 dB)."""
BATCH = 16
"""Clips read at once."""
TRAINING = 4000
"""Training excerpts that a prior without training is made of, at most."""


@dataclass(frozen=True, eq=False)
class Excerpts:
    """N excerpts of validation clips, which trained neither the network nor a prior of the training clips.

    Attributes:
        datamodule: whose clips they are of.
        inputs: (N, *sound.shape) as the network hears them.
        clips: (N,) int64 position of the clip in the validation split.
        starts: (N,) int64 first sample.
        recordings: of each excerpt.
        labels: numbers of the classes of each excerpt's clip.
        n_samples: length of an excerpt.
        offered: clips that were looked at.
        too_short: numbers of the classes of each clip that is shorter than an excerpt.
    """

    datamodule: "AudioDataModule"
    inputs: Tensor
    clips: Tensor
    starts: Tensor
    recordings: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    n_samples: int
    offered: int
    too_short: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def length(self) -> float:
        """Length of an excerpt in seconds."""
        return self.n_samples / self.datamodule.sample_rate

    @property
    def left_out(self) -> str:
        """Say how many clips are too short, and how many are heard; empty where none is."""
        if not self.too_short:
            return ""
        return (
            f"of {len(set(self.clips.tolist()))} of {self.offered} validation clips; {len(self.too_short)} are shorter "
            f"than {self.length:.2f} s and left out"
        )

    @property
    def seconds(self) -> Tensor:
        """Return where each begins in its clip (N,); clips of one recording lie one behind the other."""
        longest = int(self.starts.max()) + 2 * self.n_samples
        return (self.clips * longest + self.starts).double() / self.datamodule.sample_rate

    def of_class(self, number: int) -> Tensor:
        """Return positions (n,) of the excerpts of a class's clips."""
        return torch.tensor([i for i, held in enumerate(self.labels) if number in held], dtype=torch.int64)

    def without_class(self, number: int) -> Tensor:
        """Return positions (n,) of the excerpts of all other clips."""
        return torch.tensor([i for i, held in enumerate(self.labels) if number not in held], dtype=torch.int64)

    def waveform(self, place: int) -> Tensor:
        """Return one excerpt (n_samples,) as it is in the clip."""
        batch = self.datamodule.batch(SPLIT, [int(self.clips[place])])
        return cut(batch.waveform[0], int(self.starts[place]), self.n_samples)

    def name(self, place: int) -> str:
        """Return the clip's name and the second at which the excerpt begins."""
        clip = self.datamodule.clip(SPLIT, int(self.clips[place]))
        return f"{clip.name}, {int(self.starts[place]) / self.datamodule.sample_rate:.1f} s"


def held_out_excerpts(datamodule: "AudioDataModule", network: Network, n_clips: int) -> Excerpts:
    """Cut validation clips into excerpts that overlap by half, and hear them; silence is left out.

    Args:
        datamodule: of the run.
        network: hears them; sets their length.
        n_clips: clips at most, of each class in turn.

    Raises:
        InputError: No labelled validation clip, no clip as long as an excerpt, or a rate that is not the network's.
    """
    if datamodule.sample_rate != network.sound.sample_rate:
        raise InputError(f"clips at {datamodule.sample_rate} Hz, the network takes {network.sound.sample_rate} Hz")
    clips = datamodule.dataset(SPLIT).clips
    chosen = chosen_clips(clips, datamodule.n_classes, n_clips)
    inputs, places, starts = [], [], []
    too_short: list[tuple[int, ...]] = []
    longest = 0
    for begin in range(0, len(chosen), BATCH):
        part = chosen[begin : begin + BATCH]
        batch = datamodule.batch(SPLIT, part)
        cuts = []
        for row, index in enumerate(part):
            sound = batch.waveform[row, : int(batch.length[row])]
            longest = max(longest, len(sound))
            too_short += [held_classes(clips[index])] if len(sound) < network.n_samples else []
            for start in excerpt_starts(sound, network.n_samples):
                cuts.append(cut(sound, start, network.n_samples))
                places.append(index)
                starts.append(start)
        if cuts:
            inputs.append(network.encode(torch.stack(cuts)).cpu())
    if not inputs:
        rate = datamodule.sample_rate
        raise InputError(
            f"no validation clip is as long as an excerpt of {network.n_samples / rate:.2f} s and no silence; the "
            f"longest of {len(chosen)} has {longest / rate:.2f} s: {shorter(longest / rate)}"
        )
    return Excerpts(
        datamodule,
        kept(torch.cat(inputs)),
        torch.tensor(places),
        torch.tensor(starts),
        tuple(clips[index].group for index in places),
        tuple(held_classes(clips[index]) for index in places),
        network.n_samples,
        len(chosen),
        tuple(too_short),
    )


def shorter(seconds: float) -> str:
    """Say what to type where clips of so many seconds have no room for an excerpt: several fit into half of one."""
    half = f"{math.floor(50 * seconds) / 100:g}"
    return f"choose shorter excerpts, such as seconds={half} (explain.py: generation.seconds={half})"


def training_excerpts(datamodule: "AudioDataModule", network: Network, most: int = TRAINING, seed: int = 0) -> Tensor:
    """Hear up to `most` excerpts (n, *sound.shape) of training clips, as evenly dealt over clips as can be; no silence.

    Raises:
        InputError: Fewer than two excerpts.
    """
    clips = datamodule.dataset("train").clips
    chosen = chosen_clips(clips, datamodule.n_classes, most)
    random = torch.Generator().manual_seed(seed)
    heard: list[Tensor] = []
    for begin in range(0, len(chosen), BATCH):
        batch = datamodule.batch("train", chosen[begin : begin + BATCH])
        cuts: list[Tensor] = []
        for row, length in enumerate(batch.length.tolist()):
            sound = batch.waveform[row, : int(length)]
            starts = excerpt_starts(sound, network.n_samples)
            place = begin + row
            each = most * (place + 1) // len(chosen) - most * place // len(chosen)
            drawn = torch.randperm(len(starts), generator=random)[:each].tolist()
            cuts += [cut(sound, starts[number], network.n_samples) for number in drawn]
        if cuts:
            heard.append(network.encode(torch.stack(cuts)).cpu())
    if sum(map(len, heard)) < 2:
        seconds = network.n_samples / datamodule.sample_rate
        raise InputError(
            f"no two excerpts of {seconds:.2f} s in {len(chosen)} training clips: choose shorter ones (seconds)"
        )
    return kept(torch.cat(heard))


def excerpt_starts(sound: Tensor, n_samples: int) -> Sequence[int]:
    """Return first samples of the excerpts of a clip (N,): half an excerpt apart, none of them silent.

    The only one of a clip that has no room for two comes from its middle.
    """
    least = QUIET * float(sound.abs().amax()) if len(sound) else 0.0
    room, apart = len(sound) - n_samples, max(1, n_samples // 2)
    starts = range(0, room + 1, apart) if not 0 <= room < apart else range(room // 2, room // 2 + 1)
    return [start for start in starts if float(sound[start : start + n_samples].abs().amax()) > least]


def cut(sound: Tensor, start: int, n_samples: int) -> Tensor:
    """Return samples (n_samples,) from `start` on."""
    return sound[start : start + n_samples]
