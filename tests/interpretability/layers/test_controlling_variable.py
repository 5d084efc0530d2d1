"""The variable that controls a label: the sparse fits against scikit-learn, planted variables found, noise not."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.controlling_variable import controlling_variables, sparse_logistic


def latents(n: int, seed: int, size: int = 100) -> Tensor:
    return torch.rand(n, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_sparse_fits_are_those_of_scikit_learn() -> None:
    x = latents(80, 0, 12).double()
    y = (x[:, 2] - x[:, 5] + 0.3 * latents(80, 1, 1)[:, 0] > 0).double()
    keep = torch.ones(2, 80, dtype=torch.float64)
    keep[1, 40:] = 0
    found, bias = sparse_logistic(
        x, y, keep, 0.05, torch.zeros(2, 12).double(), torch.zeros(2).double(), steps=3000, tolerance=0
    )
    for row, n in enumerate((80, 40)):
        reference = LogisticRegression(l1_ratio=1, C=1 / (0.05 * n), solver="saga", tol=1e-10, max_iter=100000)
        if "penalty" in reference.get_params() and reference.get_params()["penalty"] == "l2":
            reference.set_params(penalty="l1", l1_ratio=None)
        reference.fit(x[:n].numpy(), y[:n].numpy())
        assert np.allclose(found[row], reference.coef_[0], atol=1e-4)
        assert float(bias[row]) == pytest.approx(float(reference.intercept_[0]), abs=1e-4)
        assert ((found[row] == 0).numpy() == (np.abs(reference.coef_[0]) < 1e-9)).all()


def test_planted_variables_are_found_and_no_others() -> None:
    z = latents(400, 2)
    noise = torch.randn(400, generator=torch.Generator().manual_seed(3))
    labels = -2 * z[:, 11] + 1.5 * z[:, 40] + 0.3 * noise > 0.5
    found = controlling_variables(z, labels, resamples=60)
    assert set(found.chosen) == {11, 40}
    assert found.sign[[11, 40]].tolist() == [-1, 1]
    assert found.frequency[[11, 40]].min() >= 0.95
    assert found.expected_false <= 1
    assert (found.n, found.positive) == (400, int(labels.sum()))


def test_labels_that_depend_on_nothing_choose_nothing() -> None:
    chosen = [
        len(controlling_variables(latents(200, seed), latents(200, 50 + seed)[:, 0] > 0, resamples=40).chosen)
        for seed in range(5)
    ]
    assert sum(chosen) <= 5  # one wrong variable is put up with in each
    assert chosen.count(0) >= 3


def test_bad_input() -> None:
    z = latents(20, 9)
    with pytest.raises(InputError, match="at least four"):
        controlling_variables(z, torch.zeros(20, dtype=torch.bool))
    with pytest.raises(InputError, match="one label for each item"):
        controlling_variables(z, torch.zeros(19, dtype=torch.bool))
