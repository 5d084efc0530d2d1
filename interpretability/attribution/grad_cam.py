"""Grad-CAM on any layer's maps, brought onto the STFT's grid."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.attribution.gradients import gradients_allowed
from interpretability.attribution.settings import AttributionSettings
from interpretability.layers.capture import find_layer, layout, time_axes
from interpretability.layers.choice import auto_layers
from interpretability.listening.explained_classifier import ExplainedClassifier


def grad_cam(settings: AttributionSettings, f: ExplainedClassifier, spectrum: Tensor, labels: Tensor) -> Tensor:
    """ReLU of the layer's channels, weighted by the mean slope of the logit in each (Selvaraju et al. 2017).

    The layer is `settings.layer`, or that of the deepest maps of the classifier's backbone (of the whole module, where
    it has no part of that name). `on_stft_grid` says how its maps become bins.

    Raises:
        InputError: A layer that does not exist, is never called by itself, or whose output is no map.
    """
    path = settings.layer or deepest_layer(f, spectrum[:1])
    find_layer(f.module, path)
    axis, maps = time_axis(f, path, spectrum[:1]), []
    for start in range(0, len(spectrum), settings.chunk):
        part = slice(start, start + settings.chunk)
        maps.append(_class_activation(f, path, axis, spectrum[part], labels[part]))
    return on_stft_grid(torch.cat(maps), mel_filters(f.module), (spectrum.shape[-2], spectrum.shape[-1]))


def _class_activation(f: ExplainedClassifier, path: str, axis: int, spectrum: Tensor, labels: Tensor) -> Tensor:
    """Class activation (B, f, t) >= 0 at the resolution of the layer."""
    caught: list[Tensor] = []

    def catch(_: nn.Module, inputs: Any, output: Any) -> Tensor:  # noqa: ANN401 - a layer may return anything
        layout(path, output, axis)  # raises where the output is no map
        kept: Tensor = output
        caught.append(kept)
        return kept.clone()  # what follows may change its input in place; the map that is kept stays as it is

    with gradients_allowed():
        X = torch.log1p(spectrum.abs()).detach().clone().requires_grad_()
        handle = find_layer(f.module, path).register_forward_hook(catch)
        try:
            logits = f.of_log_magnitude(X, spectrum.clone())
        finally:
            handle.remove()
        if not caught:
            raise InputError(f"layer '{path}' is never called by itself; choose one inside it")
        chosen = logits.gather(1, labels.clone()[:, None]).sum()
        slope = layout(path, torch.autograd.grad(chosen, caught[-1])[0], axis)
    weights = slope.mean(dim=(2, 3), keepdim=True)
    activation: Tensor = (weights * layout(path, caught[-1].detach(), axis)).sum(dim=1)
    return activation.clamp_min(0)


def deepest_layer(f: ExplainedClassifier, spectrum: Tensor) -> str:
    """Dotted path of the layer of the deepest maps that still have a time axis, found by running one clip (1, F, T)."""
    backbone = getattr(f.module, "backbone", None)
    inside, prefix = (backbone, "backbone.") if isinstance(backbone, nn.Module) else (f.module, "")
    return prefix + auto_layers(inside, lambda: f.respond(spectrum), count=1)[0]


def time_axis(f: ExplainedClassifier, path: str, spectrum: Tensor) -> int:
    """Axis of a layer's output that is time: the one that grows with the clip (1, F, T).

    The last one for classifiers of ours, and for a network that takes clips of one length only.
    """
    if mel_filters(f.module) is not None:
        return -1
    longer = torch.cat([spectrum, spectrum[..., : spectrum.shape[-1] // 2 + 1]], dim=-1)
    try:
        return time_axes(f.module, [path], lambda: f.respond(spectrum), lambda: f.respond(longer))[path]
    except Exception:  # another's network may raise anything at another length
        return -1


def mel_filters(module: nn.Module) -> Tensor | None:
    """Filterbank (F, M) between the STFT and the maps of a classifier of ours; None for others."""
    filters = getattr(getattr(module, "front_end", None), "mel", None)
    return filters if isinstance(filters, Tensor) else None


def on_stft_grid(maps: Tensor, filters: Tensor | None, size: tuple[int, int]) -> Tensor:
    """Relevance (B, F, T) of maps (B, f, t) by bilinear interpolation.

    Where `filters` (F, M) are given, the rows of the maps are spread over the M mel bands, and an STFT bin gets the
    mean of the bands that hear it, weighted by how well; a bin that none hears gets zero. Without them the rows are
    spread evenly over the F bins: right for networks on linear frequency, and a guess for others.
    """
    n_bins, n_frames = size
    rows = n_bins if filters is None else filters.shape[1]
    spread = F.interpolate(maps[:, None], size=(rows, n_frames), mode="bilinear", align_corners=False)[:, 0]
    if filters is None:
        return spread
    total = filters.sum(dim=1, keepdim=True)
    shares = torch.where(total > 0, filters / total.clamp_min(torch.finfo(filters.dtype).tiny), 0.0)
    return torch.einsum("fm,bmt->bft", shares.to(spread), spread)
