"""Voiced, fricative and silent sections of a sound, by rules on level, pitch and spectrum."""

from enum import IntEnum

import torch
from torch import Tensor

from interpretability.acoustics.frame_measures import FrameMeasures

QUIET = 35.0
"""dB below the clip's loudest frame from which a frame is silence."""
HISS = 1500.0
"""Hz of the centroid from which an unvoiced frame is a fricative."""


class Section(IntEnum):
    """What a frame is; `OTHER` is sound that is neither voiced nor a hiss, `PAST_END` no frame of the clip."""

    PAST_END = -1
    SILENCE = 0
    VOICED = 1
    FRICATIVE = 2
    OTHER = 3


def sections(measures: FrameMeasures, hiss_first: bool = False) -> Tensor:
    """The Section (B, T) int64 of each frame, on the clock of the measures' tracks.

    Silence lies 35 dB below the clip's loudest frame or is digital; voiced frames have a pitch; of the others those
    with a centroid of 1.5 kHz or more are fricatives. With `hiss_first` voiced ones with such a centroid are fricatives
    too: noise that a generator makes repeats with its strides, and a pitch is found in it.
    """
    tracks = measures.tracks
    level = tracks["level"]
    loudest = level.values.nan_to_num(-torch.inf).amax(dim=1, keepdim=True)
    found = torch.full_like(level.values, int(Section.OTHER), dtype=torch.int64)
    hiss, voiced = tracks["centroid"].values >= HISS, tracks["voiced"].values == 1
    found[hiss] = int(Section.FRICATIVE)
    found[voiced & ~hiss if hiss_first else voiced] = int(Section.VOICED)
    found[~(level.values > loudest - QUIET)] = int(Section.SILENCE)
    inside = torch.arange(found.shape[1], device=found.device) < level.n_frames[:, None]
    return torch.where(inside, found, int(Section.PAST_END))


def section_seconds(found: Tensor, step: float) -> dict[str, Tensor]:
    """Seconds (B,) that clips spend in each kind of section, from sections (B, T) and the step between frames in s."""
    return {
        section.name.lower(): (found == section).sum(dim=1) * step for section in Section if section != Section.PAST_END
    }
