"""Streams of spectrogram frames: where a dictionary's learning data come from, whatever their length."""

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from configs.errors import InputError

Frames = Tensor | Iterable[Tensor] | Callable[[], Iterable[Tensor]]
"""Spectrogram frames (F, N): one matrix, an iterable of blocks (F, n), or a callable that returns a fresh one."""

# Frames whose largest log(1 + |S|) is below this are silence (-128 dB of a full-scale sine at n_fft = 1024).
SILENT = 1e-4


def blocks(frames: Frames) -> Iterator[Tensor]:
    """Yield the blocks (F, n) of one pass over `frames`."""
    if isinstance(frames, Tensor):
        yield frames
    else:
        yield from frames() if callable(frames) else frames


def can_repeat(frames: Frames) -> bool:
    """Whether a second pass over `frames` gives them again; a generator or another iterator is spent after one."""
    return isinstance(frames, Tensor) or callable(frames) or not isinstance(frames, Iterator)


def batches(frames: Frames, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield matrices (F, n) of `size` frames, the last one smaller; frames of one matrix are shuffled first.

    A stream of blocks keeps its order: whoever makes it should mix clips and classes.
    """
    if isinstance(frames, Tensor):
        order = torch.randperm(frames.shape[1], generator=generator).to(frames.device)
        for start in range(0, len(order), size):
            yield frames[:, order[start : start + size]]
        return
    waiting: list[Tensor] = []
    n_waiting = 0
    for block in blocks(frames):
        waiting.append(block)
        n_waiting += block.shape[1]
        while n_waiting >= size:
            joined = torch.cat(waiting, dim=1)
            yield joined[:, :size]
            waiting, n_waiting = [joined[:, size:]], n_waiting - size
    if n_waiting:
        yield torch.cat(waiting, dim=1)


def draw_frames(frames: Frames, count: int, generator: torch.Generator, *, whose: str = "the training split") -> Tensor:
    """Draw up to `count` frames (F, n) that are not silent, each with the same chance, in one pass and bounded memory.

    Each frame gets a random key and the smallest keys are kept, so that the draw does not depend on how the stream is
    cut into blocks.

    Raises:
        InputError: `whose` frames are all silent, there are none, or some are not finite.
    """
    kept: Tensor | None = None
    keys = torch.empty(0)
    n_seen = 0
    for block in blocks(frames):
        n_seen += block.shape[1]
        block_keys = torch.rand(block.shape[1], generator=generator)
        peaks = block.amax(dim=0)
        if not bool(torch.isfinite(peaks).all()):
            raise InputError(f"spectrogram frames of {whose} hold NaN or infinite entries")
        sounding = (peaks > SILENT).cpu()
        keys = torch.cat([keys, block_keys[sounding]])
        chosen = block[:, sounding.to(block.device)]
        kept = chosen if kept is None else torch.cat([kept, chosen], dim=1)
        if len(keys) > 2 * count:
            kept, keys = _smallest(kept, keys, count)
    if kept is None or len(keys) == 0:
        raise InputError(f"no dictionary can be learned from {whose}: {n_seen} frames, all silent")
    return _smallest(kept, keys, count)[0]


def _smallest(frames: Tensor, keys: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The frames with the `count` smallest keys, in the order of their keys."""
    order = keys.argsort()[:count]
    return frames[:, order.to(frames.device)], keys[order]
