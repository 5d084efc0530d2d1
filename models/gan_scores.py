"""How good generated clips are: nearness to real ones, diversity, and which code an independent classifier hears."""

import math
from typing import NamedTuple

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from configs.errors import InputError
from models.gan_codes import Codes


def mean_distance(first: Tensor, second: Tensor | None = None) -> Tensor:
    """Mean Euclidean distance of all pairs of rows of (A, D) and (B, D), or of the different pairs of one set.

    Raises:
        InputError: Fewer than two rows of one set.
    """
    if second is not None:
        return torch.cdist(first, second).mean()
    if len(first) < 2:
        raise InputError(f"distances between clips need two of them, there is {len(first)}")
    return torch.pdist(first).mean()


class Nearness(NamedTuple):
    """Distances of generated from real clips, both relative to the mean distance of two real clips.

    `energy` is the energy distance 2 E|x - y| - E|x - x'| - E|y - y'| (Szekely & Rizzo 2013), unbiased: near 0 where
    both are of one distribution, and a little below by chance. `spread` is the mean distance of two generated clips:
    1 for real ones, 0 for a generator that always makes the same.
    """

    energy: float
    spread: float


def nearness(real: Tensor, made: Tensor) -> Nearness:
    """Compare features of real (A, D) and generated (B, D) clips.

    Raises:
        InputError: Fewer than two clips of either, or real clips that are all the same.
    """
    real, made = real.double(), made.double()
    own, others, across = mean_distance(real), mean_distance(made), mean_distance(real, made)
    if own == 0:
        raise InputError("all real clips are the same: there is nothing to compare generated ones with")
    return Nearness(float((2 * across - own - others) / own), float(others / own))


class CodeScores(NamedTuple):
    """What an independent classifier hears of the codes; see `code_scores`."""

    accuracy: float
    bits: float | None
    heard: int
    aic: float
    aic_empty: float
    n: int


def confusion(categories: Tensor, classes: Tensor, n_categories: int, n_classes: int) -> Tensor:
    """Counts (n_categories, n_classes) of the classes (B,) heard in clips of the categories (B,) set."""
    flat = torch.bincount(categories * n_classes + classes, minlength=n_categories * n_classes)
    return flat.reshape(n_categories, n_classes)


def code_scores(codes: Codes, categories: Tensor, classes: Tensor, n_classes: int) -> CodeScores:
    """Score how well an independent classifier can tell from the sound which code was set.

    Nobody tells the generator which code is which class. One half of the clips, drawn once and for all, decides
    by the assignment with the most agreement which class a category stands for, each class at most once; the other half
    is scored. Categories that are assigned no class are wrong.

    Args:
        codes: kind of code; where it has bits, they are scored too, through the category of the class that is heard.
        categories: (B,) set.
        classes: (B,) heard by the classifier.
        n_classes: of the classifier.

    Returns:
        Share of clips (`accuracy`) and of bits in the scored half of `n` clips; number of classes `heard` in at least
        1 % of all clips; Akaike's information criterion of the class given the category over all clips (multinomial
        regression, Begus 2021) and of a model without it.

    Raises:
        InputError: Fewer than two clips.
    """
    if len(categories) < 2:
        raise InputError(f"the accuracy of codes needs two clips or more, there are {len(categories)}")
    categories, classes = categories.cpu(), classes.cpu()
    order = torch.randperm(len(categories), generator=torch.Generator().manual_seed(0))
    fitted, scored = order[: len(order) // 2], order[len(order) // 2 :]
    counts = confusion(categories[fitted], classes[fitted], codes.n_categories, n_classes)
    rows, columns = linear_sum_assignment(-counts.numpy())
    category_of = torch.full((n_classes,), -1)
    category_of[torch.from_numpy(columns)] = torch.from_numpy(rows)
    answered, truth = category_of[classes[scored]], categories[scored]
    bits = None
    if codes.n_categories != codes.n_variables:
        same = codes.of(answered.clamp_min(0)) == codes.of(truth)
        bits = float((same & (answered >= 0)[:, None]).float().mean())
    everything = confusion(categories, classes, codes.n_categories, n_classes)
    heard = int((everything.sum(dim=0) >= 0.01 * len(classes)).sum())
    aic, empty = _aic(everything), _aic(everything.sum(dim=0, keepdim=True))
    return CodeScores(float((answered == truth).float().mean()), bits, heard, aic, empty, len(truth))


def _aic(counts: Tensor) -> float:
    """AIC of the multinomial model in which each row of counts has its own class shares."""
    counts = counts.double()
    shares = counts / counts.sum(dim=1, keepdim=True).clamp_min(1)
    likelihood = float(torch.special.xlogy(counts, shares).sum())
    parameters = counts.shape[0] * (counts.shape[1] - 1)
    value = 2 * parameters - 2 * likelihood
    return value if math.isfinite(value) else math.nan
