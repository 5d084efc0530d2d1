"""Similarity functions against plain loops over units and concepts, written from their equations."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.ranked_clips import dense_ranks, rising_places, strongest
from interpretability.dissection.similarity import (
    SIMILARITIES,
    auprc,
    cosine,
    cosine_cubed,
    pearson,
    rank_reorder,
    soft_wpmi,
    wpmi,
)

N, U, M = 120, 9, 5


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    scores = torch.rand(N, M, dtype=torch.float64)
    return torch.randn(N, U, dtype=torch.float64) + 2 * scores[:, torch.arange(U) % M], scores


def cubed(u: Tensor, v: Tensor) -> float:
    u, v = (u - u.mean()) ** 3, (v - v.mean()) ** 3
    return float((u * v).sum() / (max(float(u.norm()), 1e-3) * max(float(v.norm()), 1e-3)))


def likelihoods(u: Tensor, S: Tensor, top: int, scale: float, of: Callable[[float, int], float]) -> list[list[float]]:
    q = torch.softmax(scale * S, dim=1)
    table = []
    for k in range(u.shape[1]):
        ranked = sorted(range(len(u)), key=lambda i: -float(u[i, k]))[:top]
        table.append([sum(of(float(q[i, m]), r) for r, i in enumerate(ranked)) for m in range(S.shape[1])])
    return table


def mutual(L: list[list[float]], weight: float) -> Tensor:
    rows = []
    for likelihood in L:
        prior = [math.log(sum(math.exp(row[m]) for row in L) / len(L)) for m in range(len(likelihood))]
        rows.append([a - weight * b for a, b in zip(likelihood, prior, strict=True)])
    return torch.tensor(rows, dtype=torch.float64)


def each(u: Tensor, S: Tensor, of: Callable[[Tensor, Tensor], float]) -> Tensor:
    return torch.tensor([[of(u[:, k], S[:, m]) for m in range(S.shape[1])] for k in range(u.shape[1])]).double()


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> bool:
    return float((found - expected).abs().max()) < tolerance


def test_cosine(pair: tuple[Tensor, Tensor]) -> None:
    assert close(cosine(*pair), each(*pair, lambda a, s: float(a @ s) / math.sqrt(float(a @ a) * float(s @ s))))


def test_pearson(pair: tuple[Tensor, Tensor]) -> None:
    expected = torch.tensor(np.corrcoef(pair[0].T, pair[1].T)[:U, U:])
    assert close(pearson(*pair), expected, 1e-8)


def test_cosine_cubed(pair: tuple[Tensor, Tensor]) -> None:
    assert close(cosine_cubed(*pair), each(*pair, cubed))


def test_cosine_cubed_of_five_clips(pair: tuple[Tensor, Tensor]) -> None:
    def five(a: Tensor, s: Tensor) -> float:
        clips = a.argsort(descending=True)[:5]
        return cubed(a[clips], s[clips])

    assert close(cosine_cubed(*pair, as_published=True), each(*pair, five))


def test_a_concept_shared_by_all_five_clips_is_lost_as_published() -> None:
    torch.manual_seed(1)
    concept = torch.zeros(N, 2)
    concept[:20, 0] = 1
    concept[:3, 1] = 1
    activations = concept[:, :1] * 5 + torch.rand(N, 1)
    activations[5:10] += 3  # the five clips that drive it most have the first concept, none has the second
    assert int(cosine_cubed(activations, concept).argmax()) == 0
    assert float(cosine_cubed(activations, concept, as_published=True)[0, 0]) == 0


def test_wpmi(pair: tuple[Tensor, Tensor]) -> None:
    L = likelihoods(*pair, 28, 2.0, lambda q, r: math.log(q + 1e-7))
    assert close(wpmi(*pair), mutual(L, 0.6))
    assert close(wpmi(*pair, as_published=True), torch.cat([mutual([row], 0.6) for row in L]))


def test_soft_wpmi(pair: tuple[Tensor, Tensor]) -> None:
    def of(q: float, r: int) -> float:
        return math.log(1 + (0.998 - r / 100 * (0.998 - 0.97)) * (q - 1) + 1e-7)

    L = likelihoods(*pair, 100, 10.0, of)
    assert close(soft_wpmi(*pair), mutual(L, 1.0))
    assert float(soft_wpmi(*pair, as_published=True).abs().max()) < 1e-12  # no information at all


def test_rank_reorder(pair: tuple[Tensor, Tensor]) -> None:
    n = 6  # 5 % of 120
    shuffles = [torch.randperm(n, generator=g) for g in [torch.Generator().manual_seed(0)] for _ in range(5)]

    def of(lost: bool) -> Callable[[Tensor, Tensor], float]:
        def sigma(a: Tensor, s: Tensor) -> float:
            clips = a.argsort(descending=True)[:n].tolist()
            falling = [float(a[i]) for i in clips]
            rising = falling[::-1]
            order = sorted(range(n), key=lambda j: float(s[clips[j]]))
            ranks = order if lost else [order.index(j) for j in range(n)]
            error = sum(abs(falling[j] - rising[ranks[j]]) ** 3 for j in range(n)) / n
            chance = sum(abs(rising[j] - rising[int(p[j])]) ** 3 for p in shuffles for j in range(n)) / (5 * n)
            return -error / chance / math.sqrt(sum(float(s[i]) for i in clips) / n)

        return sigma

    assert close(rank_reorder(*pair), each(*pair, of(False)))
    assert close(rank_reorder(*pair, as_published=True), each(*pair, of(True)))
    assert not close(rank_reorder(*pair), rank_reorder(*pair, as_published=True), 0.1)


def test_equal_scores_keep_the_order_of_the_clips(pair: tuple[Tensor, Tensor]) -> None:
    u, S = pair[0], (2 * pair[1]).round()  # three values only
    n = 24
    falling, clips = u.topk(n, dim=0)
    expected = torch.empty(U, M, dtype=torch.float64)
    shuffles = [torch.randperm(n, generator=g) for g in [torch.Generator().manual_seed(0)] for _ in range(5)]
    for k in range(U):
        a, rising = falling[:, k], falling[:, k].flip(0)
        chance = torch.stack([(rising - rising[p]).abs() ** 3 for p in shuffles]).mean()
        for m in range(M):
            s = S[clips[:, k], m]
            ranks = s.argsort(stable=True).argsort()
            expected[k, m] = -((a - rising[ranks]).abs() ** 3).mean() / chance / s.mean().sqrt()
    assert close(rank_reorder(u, S, share=0.2), expected)


def test_clips_of_many_and_of_few_are_the_highest() -> None:
    values = torch.randn(50, 7)
    for count in (1, 13, 50):
        assert torch.equal(strongest(values, count, ordered=True), values.topk(count, dim=0).indices.T)
        found = strongest(values, count).sort(dim=1).values
        assert torch.equal(found, values.topk(count, dim=0).indices.T.sort(dim=1).values)


def test_ranks_share_places_and_places_are_those_of_a_stable_sort() -> None:
    scores = torch.tensor([[0.3], [0.1], [0.3], [0.2], [0.1]])
    ranks = dense_ranks(scores)
    assert ranks.tolist() == [[2, 0, 2, 1, 0]]
    clips = torch.tensor([[2, 1, 0, 4], [3, 2, 4, 0]])
    assert rising_places(ranks, clips).tolist() == [[[1, 3, 0, 2], [2, 0, 1, 3]]]


def test_soft_wpmi_of_any_number_of_clips(pair: tuple[Tensor, Tensor]) -> None:
    for top in (1, 3, 4, 7):

        def of(q: float, r: int, top: int = top) -> float:
            return math.log(1 + (0.998 - r / top * (0.998 - 0.97)) * (q - 1) + 1e-7)

        assert close(soft_wpmi(*pair, top=top), mutual(likelihoods(*pair, top, 10.0, of), 1.0))


def test_rank_reorder_of_a_perfect_concept_is_zero() -> None:
    activations = torch.rand(40, 1, dtype=torch.float64)
    assert float(rank_reorder(activations, activations.exp(), share=0.5)) == 0


def test_auprc(pair: tuple[Tensor, Tensor]) -> None:
    u, scores = pair[0].round(), pair[1]  # rounded: many ties
    expected = each(u, scores, lambda a, s: float(average_precision_score(s > 0.5, a)))
    assert close(auprc(u, scores), expected)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_the_planted_concept_wins(name: str) -> None:
    torch.manual_seed(2)
    labels = torch.arange(400) % 10
    scores = torch.nn.functional.one_hot(labels, 10).float()
    own = torch.arange(30) % 10
    activations = scores[:, own] + 0.2 * torch.randn(400, 30)
    assert torch.equal(SIMILARITIES[name](activations, scores).argmax(dim=1), own)
    shuffled = SIMILARITIES[name](activations[torch.randperm(400)], scores).argmax(dim=1)
    assert float((shuffled == own).float().mean()) < 0.5


@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_constant_unit_and_a_constant_concept_give_numbers(name: str) -> None:
    activations, scores = torch.rand(60, 3), torch.rand(60, 2)
    activations[:, 1], scores[:, 1] = 0.5, 0.0
    assert not SIMILARITIES[name](activations, scores).isnan().any()


def test_tables_of_other_clips_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(10, 2\) and scores \(9, 2\)"):
        pearson(torch.rand(10, 2), torch.rand(9, 2))
