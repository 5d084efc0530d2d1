"""Hand-worked figures of small dictionaries."""

import pytest
import torch

from models.nmf_properties import PUBLISHED, properties


def test_hand_worked_figures():
    atoms = torch.tensor([[1.0, 0.6, 0.6], [0.0, 0.8, 0.8], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = properties(atoms, sample_rate=24000)
    assert found["components"] == 3
    assert found["largest departure from unit norm"] == pytest.approx(0, abs=1e-6)
    assert found["exact zeros %"] == pytest.approx(100 * 7 / 12)
    assert found["mean cosine"] == pytest.approx((0.6 + 0.6 + 1) / 3)
    assert found["largest cosine"] == pytest.approx(1)
    assert found["distinct components"] == 2
    assert found["l1 mass above 8 kHz %"] == 0
    assert PUBLISHED.keys() <= found.keys()


def test_mass_above_8_khz():
    atoms = torch.zeros(5, 1)
    atoms[1], atoms[4] = 3.0, 1.0  # 3 kHz and 12 kHz
    assert properties(atoms, 24000)["l1 mass above 8 kHz %"] == pytest.approx(25)
