"""The clips of a benchmark: test clips of a run, as they are and mixed with something else."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from callbacks.recording_files import audio_files, read_recording
from configs.errors import InputError
from configs.registry import component
from datamodules.audio_datamodule import AudioDataModule
from datamodules.audio_files import BadClip
from interpretability.listening.contamination import excerpt, mix, partners, white_noise
from models.run_loading import LoadedRun

SPEECH_FILES = 200
"""Recordings of a speech folder that are read at most."""


@dataclass(frozen=True, eq=False)
class ClipSet:
    """n clips of one condition, in memory.

    Attributes:
        names: of the clips in their data set.
        waveform: (n, N).
        target: true classes, (n,) or (n, C) with negative entries where unknown.
        sources: (n, N), what of each clip is the class's own sound as far as is known, at its level in the clip.
        other_target: (n,), class of what was mixed in, or None where that has none.
        added: (n, N), what was mixed in, or None.
        certain: whether `sources` are clean stems or clips before mixing, against which sounds can be compared.
    """

    names: tuple[str, ...]
    waveform: Tensor
    target: Tensor
    sources: Tensor
    added: Tensor | None = None
    other_target: Tensor | None = None
    certain: bool = False

    def __len__(self) -> int:
        return len(self.names)

    def part(self, places: slice) -> "ClipSet":
        """Return some of the clips."""
        return ClipSet(
            self.names[places],
            self.waveform[places],
            self.target[places],
            self.sources[places],
            None if self.added is None else self.added[places],
            None if self.other_target is None else self.other_target[places],
            self.certain,
        )

    def reference(self, labels: Tensor) -> Tensor:
        """Sound (n, N) of the class `labels` (n,) in each clip; silence where that is not known."""
        if not self.certain or self.target.ndim != 1:
            return torch.zeros_like(self.waveform)
        own = (labels == self.target)[:, None].to(self.waveform)
        sound = own * self.sources
        if self.added is not None and self.other_target is not None:
            sound = sound + (labels == self.other_target)[:, None].to(self.waveform) * self.added
        return sound


def data_of(run: LoadedRun) -> AudioDataModule:
    """Return the data of a run."""
    config = run.config
    source = component("dataset", config.data.name).load()(config.data, config.front_end.sample_rate)
    rate = config.front_end.sample_rate
    return AudioDataModule(source, config.data, rate, config.augmentation, config.seed, progress=False)


def clips_of(run: LoadedRun, count: int | None) -> ClipSet:
    """Return test clips of a run, spread evenly over its classes; all where `count` is None or above their number.

    Raises:
        InputError: There are no test clips.
    """
    data = data_of(run)
    total = len(data.dataset("test"))
    if total == 0:
        raise InputError(f"{run.path}: the data have no test clips to explain")
    targets = [data.clip("test", place).target for place in range(total)]
    places = spread(targets, total if count is None else min(count, total))
    batch = data.batch("test", places)
    target = batch.target if batch.observed is None else batch.target.masked_fill(~batch.observed, -1.0)
    clips = ClipSet(
        names=tuple(data.clip("test", place).name for place in places),
        waveform=batch.waveform,
        target=target,
        sources=batch.waveform,
    )
    return _with_stems(clips, data, places)


def spread(targets: Sequence[object], count: int) -> list[int]:
    """Places of `count` of the targets, as many of each as there can be, drawn the same way every time."""
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(0)).tolist()
    turn, taken = {}, Counter[object]()
    for place in order:
        turn[place] = taken[targets[place]]
        taken[targets[place]] += 1
    return sorted(sorted(order, key=lambda place: turn[place])[:count])


def _with_stems(clips: ClipSet, data: AudioDataModule, places: Sequence[int]) -> ClipSet:
    """Put the clean stem of the true class in the place of the whole clip, where a data set of one label knows it."""
    if clips.target.ndim != 1 or data.source.stems(data.clip("test", places[0])) is None:
        return clips
    stems = data.batch("test", places, stems=True).stems
    if stems is None:
        return clips
    return replace(clips, sources=stems[torch.arange(len(clips)), clips.target], certain=True)


def in_condition(clips: ClipSet, condition: str, snr_db: float, speech: Sequence[Tensor] = ()) -> ClipSet:
    """Return the clips mixed with what a condition says, each with the same sound every time.

    With `other_class` a clip that shares no class is drawn from the same clips; where there is none, the clip stays as
    it is. Stems that are unknown are the clips themselves, as they were before mixing.
    """
    if condition == "clean":
        return clips
    n_samples, other_target = clips.waveform.shape[1], None
    if condition == "other_class":
        chosen = partners(clips.names, classes_of(clips.target))
        other = torch.stack([torch.zeros(n_samples) if place is None else clips.waveform[place] for place in chosen])
        if clips.target.ndim == 1:
            other_target = torch.tensor([-1 if place is None else int(clips.target[place]) for place in chosen])
    elif condition == "white_noise":
        other = white_noise(clips.names, n_samples)
    else:
        order = sorted(range(len(clips)), key=lambda place: clips.names[place])
        rank = {place: position for position, place in enumerate(order)}
        sounds = [speech[rank[place] % len(speech)] for place in range(len(clips))]
        other = torch.stack([excerpt(s, n_samples, name) for s, name in zip(sounds, clips.names, strict=True)])
    mixture, added = mix(clips.waveform, other, snr_db)
    return replace(clips, waveform=mixture, added=added, other_target=other_target, certain=clips.target.ndim == 1)


def classes_of(target: Tensor) -> list[frozenset[int]]:
    """Classes of each clip from targets (n,) or (n, C)."""
    if target.ndim == 1:
        return [frozenset({label}) for label in target.tolist()]
    return [frozenset(row.gt(0.5).nonzero().flatten().tolist()) for row in target]


def read_speech(folder: str, sample_rate: int) -> list[Tensor]:
    """Read recordings of speech (N_i,) at `sample_rate`, in the order of their names; unusable ones are left out.

    Raises:
        CommandError: There is no such folder.
        InputError: No recording in it can be used.
    """
    sounds = []
    for name, path in audio_files(Path(folder).expanduser())[:SPEECH_FILES]:
        try:
            recording = read_recording(name, path, sample_rate, min_samples=256, longest=600.0)
        except BadClip:
            continue
        sounds.append(recording.waveform)
    if not sounds:
        raise InputError(f"speech={folder}: none of its recordings can be used")
    return sounds
