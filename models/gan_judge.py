"""The independent classifier that says which class a generated clip is, in place of a human transcriber."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from configs.errors import InputError, naming
from models.classifier import AudioClassifier
from models.run_loading import load_run

CHUNK = 64
"""Clips heard at a time."""


class Judge:
    """A trained classifier, frozen, on clips that are sound throughout. Not a module: no part of checkpoints.

    Attributes:
        model: the classifier, in eval mode.
    """

    def __init__(self, model: AudioClassifier[Any]) -> None:
        self.model = model.eval().requires_grad_(False)

    @torch.no_grad()
    def hear(self, waveform: Tensor) -> Tensor:
        """Waveforms (B, N) in [-1, 1] -> classes (B,) int64 on the CPU."""
        self.model.to(waveform.device)
        return torch.cat([self.model(part).argmax(dim=1).cpu() for part in torch.split(waveform.float(), CHUNK)])


def load_judge(path: str, class_names: Sequence[str], sample_rate: int) -> Judge:
    """Load a run of ours as judge of generated clips.

    Raises:
        InputError: A run that cannot be loaded, names other classes, hears another rate or several classes at once,
            or was trained on clips whose closing silence it was not shown, which generated clips do have.
    """
    with naming("model.judge"):
        run = load_run(path)
    if run.class_names != tuple(class_names):
        raise InputError(
            f"model.judge={path} tells {', '.join(run.class_names)} apart, the data have {', '.join(class_names)}: "
            "train a classifier of the same data"
        )
    if run.sample_rate != sample_rate:
        raise InputError(
            f"model.judge={path} hears {run.sample_rate} Hz, the generator makes {sample_rate} Hz: train it with "
            f"front_end.sample_rate={sample_rate}"
        )
    if run.model.multi_label:
        raise InputError(f"model.judge={path} hears several classes at once; train one with one class for each clip")
    if not getattr(run.config.data, "padded", True):
        raise InputError(
            f"model.judge={path} was trained on clips without their closing silence: train it with data.padded=true"
        )
    return Judge(run.model)
