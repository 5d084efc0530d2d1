"""CKA against a brute-force U-statistic, and on layers whose likeness is known."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.layers.similarity import cka, cka_matrix, drift, gram


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def brute_force_hsic(k: Tensor, m: Tensor) -> float:
    """The U-statistic: the mean over all ordered quadruples of different clips (Song et al. 2012, eq. 4)."""
    total, count = 0.0, 0
    for i, j, q, r in itertools.permutations(range(len(k)), 4):
        total += float(k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]))
        count += 1
    return total / count


def test_against_all_quadruples() -> None:
    x, y = noise(7, 3, seed=0), noise(7, 5, seed=1)
    y[:, 0] += x[:, 0]
    k, m = x @ x.T, y @ y.T  # without centring: the statistic needs none
    expected = brute_force_hsic(k, m) / (brute_force_hsic(k, k) * brute_force_hsic(m, m)) ** 0.5
    assert cka(k, m) == pytest.approx(expected)
    assert cka(gram(x), gram(y)) == pytest.approx(expected)


def test_alike_and_unrelated_layers() -> None:
    x = noise(128, 4, 10, seed=2)
    turned = x.flatten(1) @ torch.linalg.qr(noise(40, 40, seed=3))[0] * 7 + 3
    assert cka(gram(x), gram(turned)) == pytest.approx(1)
    wide = [cka(gram(noise(128, 500, seed=4 + i)), gram(noise(128, 500, seed=40 + i))) for i in range(10)]
    assert abs(sum(wide) / 10) < 0.05  # the biased estimate is near 0.8 here
    mixed = x.flatten(1) + noise(128, 40, seed=9)
    assert 0.2 < cka(gram(x), gram(mixed)) < 0.9


def test_matrix_and_drift() -> None:
    first = {"conv1": gram(noise(32, 8, seed=10)), "conv2": gram(noise(32, 8, seed=11))}
    second = {"conv1": first["conv1"], "conv2": gram(noise(32, 8, seed=12))}
    matrix = cka_matrix(first, second)
    assert matrix[0, 0] == pytest.approx(1)
    assert matrix[1, 0] == pytest.approx(cka(first["conv2"], first["conv1"]))
    moved = drift([first, second, second])
    assert moved["conv1"] == [(pytest.approx(1), pytest.approx(1))] * 2
    assert moved["conv2"][1] == (pytest.approx(cka(first["conv2"], second["conv2"])), pytest.approx(1))
    assert drift([]) == {}


def test_bad_input() -> None:
    with pytest.raises(InputError, match="at least 4"):
        gram(noise(1, 8, seed=0))
    with pytest.raises(InputError, match="have to be the same"):
        cka(gram(noise(5, 8, seed=0)), gram(noise(6, 8, seed=0)))
    assert math.isnan(cka(gram(torch.ones(5, 8)), gram(noise(5, 8, seed=0))))
