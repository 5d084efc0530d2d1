"""The best path through the pitch candidates of successive frames (Boersma 1993, section 3; Praat's path finder)."""

import torch
from torch import Tensor


def best_path(
    frequency: Tensor, strength: Tensor, n_frames: Tensor, octave_jump_cost: float, voiced_unvoiced_cost: float
) -> Tensor:
    """Index (B, T) of the candidate chosen in each frame, by Viterbi's algorithm over all frames of a clip.

    `frequency` (B, T, K) in Hz, 0 for "unvoiced"; local `strength` (B, T, K), -inf for candidates that do not exist. A
    change costs `octave_jump_cost` per octave, or `voiced_unvoiced_cost` between voiced and unvoiced. Frames past
    n_frames (B,) repeat the last choice.
    """
    batch, count, width = frequency.shape
    voiced = frequency > 0
    octaves = torch.where(voiced, frequency, 1.0).log2()
    total = strength[:, 0]
    stay = torch.arange(width, device=frequency.device).expand(batch, width)
    came_from = []
    for frame in range(1, count):
        both = voiced[:, frame - 1, :, None] & voiced[:, frame, None, :]
        one = voiced[:, frame - 1, :, None] ^ voiced[:, frame, None, :]
        jump = (octaves[:, frame - 1, :, None] - octaves[:, frame, None, :]).abs() * octave_jump_cost
        best, origin = (total[:, :, None] - jump * both - voiced_unvoiced_cost * one).max(dim=1)
        goes_on = (frame < n_frames)[:, None]
        total = torch.where(goes_on, best + strength[:, frame], total)
        came_from.append(torch.where(goes_on, origin, stay))
    place = total.argmax(dim=1)
    path = [place]
    for origin in reversed(came_from):
        place = origin.gather(1, place[:, None])[:, 0]
        path.append(place)
    return torch.stack(path[::-1], dim=1)
