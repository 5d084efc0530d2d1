"""Which validation clips are listened to, and their sound."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch

from datamodules.clip_source import Clip, Split

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule

SPLIT: Split = "val"


def chosen_clips(clips: Sequence[Clip], n_classes: int, count: int) -> list[int]:
    """Indices of at most `count` clips: the first clip of each class in turn, then the second of each, and so on.

    Within a class the recordings, or speakers, take turns as well: a few clips are then of as many as can be.
    """
    waiting = [
        _in_turn([i for i, clip in enumerate(clips) if c in held_classes(clip)], clips) for c in range(n_classes)
    ]
    chosen: dict[int, None] = {}
    while any(waiting) and len(chosen) < count:
        for queue in waiting:
            while queue and queue[0] in chosen:
                queue.pop(0)
            if queue and len(chosen) < count:
                chosen[queue.pop(0)] = None
    return list(chosen)


def _in_turn(indices: Sequence[int], clips: Sequence[Clip]) -> list[int]:
    """Order clips so that the first of each group come first, then the second of each; else as they were."""
    seen: Counter[str] = Counter()
    turns = []
    for index in indices:
        turns.append((seen[clips[index].group], index))
        seen[clips[index].group] += 1
    return [index for _, index in sorted(turns, key=lambda turn: turn[0])]


def held_classes(clip: Clip) -> tuple[int, ...]:
    """Numbers of the classes that a clip is labelled with."""
    if isinstance(clip.target, int):
        return (clip.target,)
    known = clip.observed or (True,) * len(clip.target)
    return tuple(c for c, share in enumerate(clip.target) if share > 0.5 and known[c])


def sound_of(datamodule: "AudioDataModule", index: int) -> torch.Tensor:
    """Return a validation clip (N,) without padding."""
    batch = datamodule.batch(SPLIT, [index])
    return batch.waveform[0, : int(batch.length[0])]


def data_of(trainer: pl.Trainer) -> "AudioDataModule":
    """Return the data module of a training."""
    datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
    if datamodule is None:
        raise ValueError("listening needs trainer.fit(model, datamodule=...)")
    return datamodule  # type: ignore[no-any-return]
