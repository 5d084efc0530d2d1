"""Fidelity and variety apart: density and coverage (Naeem et al. 2020)."""

from typing import NamedTuple

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.generation.feature_moments import as_rows

NEIGHBOURS = 5


class DensityCoverage(NamedTuple):
    """`density`: how often what was generated lies near real excerpts, 1 for real ones on average, unbounded.

    `coverage`: share of the real excerpts that have something generated near them, from 0 to 1.
    """

    density: Tensor
    coverage: Tensor


def density_coverage(reference: Tensor, generated: Tensor, neighbours: int = NEIGHBOURS) -> DensityCoverage:
    """Return density and coverage of generated features (m, D) among real ones (n, D).

    Near a real excerpt is what is not farther away than its k-th nearest real neighbour.

    Raises:
        InputError: Not more than `neighbours` real excerpts, or nothing generated.
    """
    real, made = as_rows(reference), as_rows(generated)
    if len(real) <= neighbours or len(made) < 1:
        raise InputError(
            f"density and coverage need more than {neighbours} real excerpts and something generated, and there are "
            f"{len(real)} and {len(made)}"
        )
    mode = "donot_use_mm_for_euclid_dist"
    radius = torch.cdist(real, real, compute_mode=mode).kthvalue(neighbours + 1, dim=1).values
    distance = torch.cdist(real, made, compute_mode=mode)
    near = distance <= radius[:, None]
    return DensityCoverage(
        near.double().sum() / (neighbours * len(made)),
        (distance.amin(dim=1) <= radius).double().mean(),
    )
