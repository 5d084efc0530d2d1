"""What the classifier says of the part that an explanation keeps, and of what is left without it.

Notation of the sources (Chattopadhay et al. 2018, section 4.1; Paissan et al. 2024, section 4.1): p, q and o are f's
probabilities of the whole clip, of the part kept and of the rest; c is the class explained. Here the part is the sound
that a mask leaves of the clip's complex STFT, and p is that of the plain round trip through the STFT.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

import torch
from torch import Tensor

from interpretability.listening.clip_values import ClipValues, Deviation, of_label
from interpretability.listening.explained_classifier import ExplainedClassifier


class Heard(NamedTuple):
    """Logits (B, C), float64, of f for `untouched` clips, after the plain round trip (`whole`), and of two parts."""

    untouched: Tensor
    whole: Tensor
    kept: Tensor
    rest: Tensor


@torch.no_grad()
def hear_masked(
    f: ExplainedClassifier,
    spectrum: Tensor,
    masks: Tensor,
    n_samples: int,
    chunk: int = 32,
    as_published: Collection[Deviation] = (),
) -> list[Heard]:
    """Hear what G masks keep of each clip, and the rest.

    With `log_subtraction` in `as_published` the rest is what f makes of log(1 + |S|) - log(1 + |M S|), not inverted,
    which is not the sound of anything: the scoring code of SpeechBrain's recipes, there on mel bands, here on bins.

    Args:
        f: the classifier.
        spectrum: complex STFT (B, F, T) at the level at which f hears the clips.
        masks: (B, G, F, T) in [0, 1].
        n_samples: N of the clips.
        chunk: parts heard at a time.
        as_published: deviations to reproduce.

    Returns:
        One `Heard` for each of the G masks.
    """
    n_masks = masks.shape[1]
    one = torch.ones_like(masks[:, :1])
    if "log_subtraction" in as_published:
        kept = f.reheard(spectrum, torch.cat([one, masks], dim=1), n_samples, chunk)
        magnitude = spectrum.abs()
        whole = magnitude.log1p()
        rests = [f.of_log_magnitude(whole - torch.log1p(m * magnitude), spectrum) for m in masks.unbind(1)]
        heard = torch.cat([kept, torch.stack(rests, dim=1)], dim=1).double()
    else:
        heard = f.reheard(spectrum, torch.cat([one, masks, 1 - masks], dim=1), n_samples, chunk).double()
    untouched = f.respond(spectrum).double()
    return [Heard(untouched, heard[:, 0], heard[:, 1 + g], heard[:, 1 + n_masks + g]) for g in range(n_masks)]


def average_increase(whole: Tensor, kept: Tensor, labels: Tensor) -> ClipValues:
    """AI: 100 where p_c < q_c, else 0, from probabilities (B, C) and classes (B,); higher is better."""
    return ClipValues(100 * _defined(of_label(whole, labels), of_label(kept, labels), lambda p, q: (p < q).double()))


def average_drop(whole: Tensor, kept: Tensor, labels: Tensor, as_published: Collection[Deviation] = ()) -> ClipValues:
    """AD: 100 max(0, p_c - q_c) / p_c, from probabilities (B, C) and classes (B,); lower is better.

    Undefined where p_c = 0. With `second_softmax` in `as_published`, p and q are put through a softmax once more.
    """
    if "second_softmax" in as_published:
        whole, kept = whole.softmax(dim=-1), kept.softmax(dim=-1)
    p, q = of_label(whole, labels), of_label(kept, labels)
    return ClipValues(torch.where(p > 0, 100 * (p - q).clamp_min(0) / p, torch.nan))


def average_gain(whole: Tensor, kept: Tensor, labels: Tensor) -> ClipValues:
    """AG: 100 max(0, q_c - p_c) / (1 - p_c), from probabilities (B, C) and classes (B,); higher is better.

    Undefined where p_c = 1: nothing can be gained.
    """
    p, q = of_label(whole, labels), of_label(kept, labels)
    return ClipValues(torch.where(p < 1, 100 * (q - p).clamp_min(0) / (1 - p), torch.nan))


def input_fidelity(
    whole: Tensor,
    kept: Tensor,
    labels: Tensor | None = None,
    multi_label: bool = False,
    as_published: Collection[Deviation] = (),
) -> ClipValues:
    """Fid-In: 1 where f decides on the part as on the whole, else 0, from probabilities (B, C); higher is better.

    Single-label decisions are the highest class. In multi-label data the decision is that on class `labels` (B,), at
    probability 1/2. With `class_zero` in `as_published`: 1 where the part is predicted as class 0, whatever f said.
    """
    if "class_zero" in as_published:
        return ClipValues(_defined(whole, kept, lambda p, q: (q.argmax(dim=1) == 0).double()))
    if not multi_label:
        return ClipValues(_defined(whole, kept, lambda p, q: (p.argmax(dim=1) == q.argmax(dim=1)).double()))
    if labels is None:
        raise ValueError("input fidelity of multi-label data needs the class that is explained")
    p, q = of_label(whole, labels), of_label(kept, labels)
    return ClipValues(_defined(p, q, lambda p, q: ((p > 0.5) == (q > 0.5)).double()))


def masked_accuracy(part: Tensor, target: Tensor, labels: Tensor | None = None) -> ClipValues:
    """Mask-in (part: kept, higher is better) or mask-out accuracy (part: rest, lower is better) against true labels.

    From probabilities (B, C) of the part. `target` (B,): 1 where the highest class is the target. `target` (B, C) of
    multi-label data, negative where unknown: 1 where the decision on class `labels` (B,) is right at probability 1/2,
    undefined where that label is unknown.
    """
    if target.ndim == 1:
        return ClipValues(_defined(part, part, lambda p, q: (p.argmax(dim=1) == target.to(p.device)).double()))
    if labels is None:
        raise ValueError("masked accuracy of multi-label data needs the class that is explained")
    truth, said = of_label(target.to(part.device), labels), of_label(part, labels)
    return ClipValues(_defined(said, said, lambda p, q: ((p > 0.5) == (truth > 0.5)).double())).where(truth >= 0)


def drop(whole: Tensor, rest: Tensor, labels: Tensor) -> ClipValues:
    """FF: p_c - o_c, how much class c loses without the part, from logits or probabilities (B, C); higher is better.

    The paper of L-MAC speaks of logits, its code takes probabilities; FF_x of Parekh et al. (2022) is given for both.
    """
    return ClipValues(of_label(whole, labels) - of_label(rest, labels))


def round_trip_change(heard: Heard, labels: Tensor) -> ClipValues:
    """Logit of class c that the plain round trip alone takes away; what the other figures are not to be blamed for."""
    return ClipValues(of_label(heard.untouched, labels) - of_label(heard.whole, labels))


def _defined(p: Tensor, q: Tensor, compare: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """`compare(p, q)` (B,), with NaN where an entry of p or q is NaN (a comparison would make it a number)."""
    unclear = p.isnan() | q.isnan()
    value = compare(p, q)
    return value.masked_fill(unclear if unclear.ndim == 1 else unclear.any(dim=1), torch.nan)
