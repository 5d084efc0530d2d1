"""Log-magnitude frames of the training clips, streamed from the cache."""

from collections.abc import Iterator, Sequence, Sized
from typing import Any, Protocol

import torch
from torch import Tensor

from datamodules.batch import Batch
from models.front_end import FrontEnd

CLIPS_AT_ONCE = 32


class TrainingClips(Protocol):
    """What is needed of a data module: the training split, its classes and its clips as they are."""

    class_names: tuple[str, ...]

    def batch(self, split: Any, indices: Sequence[int]) -> Batch:  # noqa: ANN401 - one of the split names
        """Return clips of a split, without augmentation."""

    def dataset(self, split: Any) -> Sized:  # noqa: ANN401
        """Return a split, for its size."""


@torch.no_grad()
def training_frames(
    front_end: FrontEnd, clips: TrainingClips, label: int | None = None, seed: int = 0
) -> Iterator[Tensor]:
    """Yield blocks (F, n) of X = log(1 + |S|) of the training clips in shuffled order, padding left out.

    `label` keeps the clips of one class only (multi-label: those that carry the label). Every pass with one seed is the
    same, however often it is made.
    """
    order = torch.randperm(len(clips.dataset("train")), generator=torch.Generator().manual_seed(seed))
    for start in range(0, len(order), CLIPS_AT_ONCE):
        batch = clips.batch("train", order[start : start + CLIPS_AT_ONCE].tolist())
        if label is not None:
            keep = batch.target == label if batch.target.ndim == 1 else batch.target[:, label] > 0
            batch = Batch(batch.waveform[keep], batch.length[keep], batch.target[keep], batch.index[keep])
        if len(batch) == 0:
            continue
        spectra = front_end.log_magnitude(front_end.stft(front_end.normalize(batch.waveform)))
        n_frames = front_end.n_frames(batch.length).tolist()
        yield torch.cat([spectrum[:, :n] for spectrum, n in zip(spectra, n_frames, strict=True)], dim=1)
