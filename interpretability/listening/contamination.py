"""Clips mixed with something else at a known level, the same each time: another clip, speech, or white noise.

The level is the ratio of powers over the active part of each sound, so that a short bark and a steady rain of 0 dB are
heard as equally loud while both sound. Nothing is normalised after mixing: the classifier's front end does that.
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

FRAME = 1024
"""Samples over which the level is averaged to tell what is active."""
ACTIVE_DB = -40.0
"""Level of a frame, relative to the loudest of its sound, above which it counts as active."""


def clip_seed(*key: str | int) -> int:
    """Return a seed that depends on the key alone, the same on every machine."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, key)).encode()).digest()[:7], "big")


def active_power(waveform: Tensor, frame: int = FRAME, threshold_db: float = ACTIVE_DB) -> Tensor:
    """Mean square (B,) of waveforms (B, N) over the frames within `threshold_db` of the loudest; 0 for silence."""
    padding = -waveform.shape[-1] % frame
    padded = torch.nn.functional.pad(waveform.double(), (0, padding))
    framed = padded.reshape(*padded.shape[:-1], -1, frame)
    energy = framed.square().sum(dim=-1)
    samples = torch.full_like(energy, frame)
    samples[..., -1] = frame - padding
    level = energy / samples
    loudest = level.amax(dim=-1, keepdim=True)
    active = (level > loudest * 10 ** (threshold_db / 10)) & (loudest > 0)
    power: Tensor = (energy * active).sum(dim=-1) / (samples * active).sum(dim=-1).clamp_min(1)
    return power


def mix(waveform: Tensor, other: Tensor, snr_db: float = 0.0) -> tuple[Tensor, Tensor]:
    """Add other sounds (B, N) to waveforms (B, N), so much softer in dB over the active parts of both.

    Where either of the two is silent there is no level to speak of, and the clip stays as it is.

    Returns:
        The mixtures (B, N), and the other sounds (B, N) as they are in them.
    """
    own, theirs = active_power(waveform), active_power(other)
    heard = (own > 0) & (theirs > 0)
    ratio = own / theirs.masked_fill(~heard, 1.0) * 10 ** (-snr_db / 10)
    added = other * torch.where(heard, ratio.sqrt(), 0.0).to(other)[:, None]
    return waveform + added, added


def white_noise(names: Sequence[str], n_samples: int) -> Tensor:
    """White Gaussian noise (B, N) of unit power, drawn for each clip from its name alone."""
    drawn = [torch.Generator().manual_seed(clip_seed("white noise", name)) for name in names]
    return torch.stack([torch.randn(n_samples, generator=generator) for generator in drawn])


def excerpt(sound: Tensor, n_samples: int, key: str) -> Tensor:
    """Cut (N,) samples out of a longer sound (M,), at a place that depends on the key, or repeat a shorter one."""
    if len(sound) < n_samples:
        return sound.repeat(-(-n_samples // max(len(sound), 1)))[:n_samples]
    start = clip_seed("excerpt", key) % (len(sound) - n_samples + 1)
    return sound[start : start + n_samples]


def partners(names: Sequence[str], classes: Sequence[frozenset[int]]) -> list[int | None]:
    """Choose for each clip another one that shares no class with it, by the names alone.

    The choice does not depend on the order of the clips. A clip that shares a class with every other has none.
    """
    order = sorted(range(len(names)), key=lambda place: names[place])
    chosen: list[int | None] = []
    for name, own in zip(names, classes, strict=True):
        others = [place for place in order if names[place] != name and not (own & classes[place])]
        chosen.append(others[clip_seed("partner", name) % len(others)] if others else None)
    return chosen
