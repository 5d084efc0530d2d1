"""Interpretation of one recording of any length: windows as long as the clips the model was trained on."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.isolation import evaluation_mode
from interpretability.listening.interpretation import THRESHOLD, Interpretation, relevance_of
from interpretability.listening.masks import MaskScale
from interpretability.listening.windows import crossfade, overlap_add, window_starts
from models.explanation import assemble, check_waveform, interpret
from models.front_end import SILENCE

if TYPE_CHECKING:
    from models.component_classifier import ComponentClassifier

LONGEST_WINDOW = 30.0
"""Seconds of a window where the training had no fixed clip length."""
BATCH = 16
"""Windows analysed at once."""


def explain_recording(
    model: "ComponentClassifier", waveform: Tensor, threshold: float = THRESHOLD, scale: MaskScale = "magnitude"
) -> Interpretation:
    """Interpret a recording (N,) at the run's sample rate, in windows where it is longer than the training's clips.

    Windows overlap by a quarter; each is normalised as a clip is. Their activations are crossfaded into one H
    (1, K, T), from which every window is then decided; logits and relevance are means over the windows, so the sum over
    components stays exact. Windows without sound take no part. A recording that fits into one is decided as a clip.

    Raises:
        InputError: Not one mono recording, shorter than one analysis frame, silent, or with NaN or infinite samples.
    """
    if waveform.ndim != 1:
        raise InputError(f"a recording has shape (samples,), not {tuple(waveform.shape)}: mix it to mono")
    clip = waveform[None].to(model.device, torch.float32)
    check_waveform(clip, model.front_end.config.n_fft)
    hop, n_samples = model.front_end.config.hop_length, clip.shape[1]
    width = window_samples(model, n_samples)
    starts = window_starts(n_samples, width, hop)
    windows = cut(clip[0], starts, width, hop)
    peaks = windows.abs().amax(dim=1)
    if not bool((peaks > 0).any()):
        raise InputError("the recording is silent throughout")
    with torch.no_grad(), evaluation_mode(model):
        return _joined(model, clip, windows, starts, peaks > SILENCE * peaks.max(), threshold, scale)


def window_samples(model: "ComponentClassifier", n_samples: int) -> int:
    """Length of a window in samples: that of the training's clips; without one, up to `LONGEST_WINDOW`."""
    rate = model.front_end.config.sample_rate
    seconds = model.config.data.seconds
    return round(seconds * rate) if seconds is not None else min(max(n_samples, rate), round(LONGEST_WINDOW * rate))


def cut(recording: Tensor, starts: list[int], width: int, hop: int) -> Tensor:
    """Windows (V, width) of a recording (N,) that start at frames `starts`, with zeros past its end."""
    padded = torch.nn.functional.pad(recording, (0, max(0, starts[-1] * hop + width - len(recording))))
    return torch.stack([padded[start * hop : start * hop + width] for start in starts])


def _joined(
    model: "ComponentClassifier",
    clip: Tensor,
    windows: Tensor,
    starts: list[int],
    sounding: Tensor,
    threshold: float,
    scale: MaskScale,
) -> Interpretation:
    """Decide windows (V, width) of a recording (1, N) and join them."""
    front_end, hop = model.front_end, model.front_end.config.hop_length
    n_samples, width = clip.shape[1], windows.shape[1]
    lengths = torch.tensor([min(width, n_samples - start * hop) for start in starts], device=clip.device)
    heard = [interpret(model, windows[i : i + BATCH], lengths[i : i + BATCH]) for i in range(0, len(windows), BATCH)]
    activations = torch.cat([part.activations for part in heard]) * sounding[:, None, None]
    n_frames, w_frames = 1 + n_samples // hop, activations.shape[-1]
    joined = overlap_add(activations, starts, crossfade(starts, w_frames, n_frames), n_frames)
    logits = torch.cat([part.logits for part in heard])
    relevance = torch.cat([part.relevance for part in heard])
    explained = [part.explained for part in heard if part.explained is not None]
    if len(starts) > 1 and model.bottleneck.context_layer is None:  # attention from the maps cannot be had from H
        logits, relevance = _decide(model, joined, starts, w_frames, front_end.n_frames(lengths))
    ends = [min(start + w_frames, n_frames) for start in starts]
    return assemble(
        model,
        clip,
        front_end.stft(front_end.normalize(clip)),
        joined[None],
        logits[sounding].mean(dim=0, keepdim=True),
        relevance[sounding].mean(dim=0, keepdim=True),
        threshold=threshold,
        scale=scale,
        windows=tuple(pair for pair, s in zip(zip(starts, ends, strict=True), sounding.tolist(), strict=True) if s),
        window_logits=logits[sounding].float(),
        explained=torch.cat(explained)[sounding].mean(dim=0, keepdim=True) if explained else None,
    )


def _decide(
    model: "ComponentClassifier", joined: Tensor, starts: list[int], width: int, n_frames: Tensor
) -> tuple[Tensor, Tensor]:
    """Logits (V, C) and relevance (V, C, K) of windows of the joined activations (K, T), each of `n_frames` (V,)."""
    padded = torch.nn.functional.pad(joined, (0, max(0, starts[-1] + width - joined.shape[-1])))
    activations = torch.stack([padded[:, start : start + width] for start in starts])
    mask = torch.arange(width, device=joined.device) < n_frames[:, None]
    output = model.bottleneck.decide(activations, None if bool(mask.all()) else mask)
    return output.logits, relevance_of(model.bottleneck.contributions(output.pooled))
