"""What a dictionary looks like in figures, and those of the authors' own."""

import torch
from torch import Tensor

NEAR_DUPLICATE = 0.95
"""Cosine above which two atoms count as one."""

PUBLISHED = {
    "components": 100,
    "largest departure from unit norm": 0.0,
    "exact zeros %": 0.0,
    "entries below 1e-4 %": 19.0,
    "mean cosine": 0.57,
    "largest cosine": 0.955,
    "l1 mass above 8 kHz %": 22.0,
}
"""The authors' ESC-50 dictionary (fold 1, 44.1 kHz), measured on the file that they released."""


def properties(atoms: Tensor, sample_rate: int) -> dict[str, float]:
    """Return figures of W (F, K), F bins from 0 Hz to half the sample rate in Hz.

    Shares of entries, pairwise cosines, the share of l1 mass above 8 kHz, and how many atoms are left when each is
    dropped that is nearly the same as an earlier one.
    """
    norms = torch.linalg.vector_norm(atoms, dim=0)
    unit = atoms / norms.clamp_min(1e-12)
    cosines = unit.T @ unit
    pairs = cosines[torch.triu(torch.ones_like(cosines, dtype=torch.bool), diagonal=1)]
    frequency = torch.linspace(0, sample_rate / 2, atoms.shape[0])
    kept: list[int] = []
    for k in range(atoms.shape[1]):
        if not kept or float(cosines[k, kept].max()) < NEAR_DUPLICATE:
            kept.append(k)
    return {
        "components": atoms.shape[1],
        "largest departure from unit norm": float((norms - 1).abs().max()),
        "exact zeros %": 100 * float((atoms == 0).float().mean()),
        "entries below 1e-4 %": 100 * float((atoms < 1e-4).float().mean()),
        "mean cosine": float(pairs.mean()) if len(pairs) else float("nan"),
        "largest cosine": float(pairs.max()) if len(pairs) else float("nan"),
        "l1 mass above 8 kHz %": 100 * float(atoms[frequency > 8000].sum() / atoms.sum()),
        "distinct components": len(kept),
    }
