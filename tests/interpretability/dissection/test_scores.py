"""AUPRC and F1: by hand, against scikit-learn, and from bins within the tolerance that is stated."""

import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

from interpretability.dissection.binned_scores import TOLERANCE, BinnedScores
from interpretability.dissection.scores import exact_scores


def test_by_hand() -> None:
    values = torch.tensor([4.0, 3.0, 2.0, 1.0])[:, None]
    positive = torch.tensor([True, False, True, False])[:, None]
    found = exact_scores(values, positive, None, torch.tensor([0.5]))
    assert float(found.auprc) == pytest.approx((1 + 2 / 3) / 2)
    assert float(found.chance) == 0.5
    assert float(found.f1) == 0.5  # two clips marked, one of them right
    hidden = exact_scores(values, positive, torch.tensor([True, False, True, True])[:, None], torch.tensor([2 / 3]))
    assert (float(hidden.auprc), float(hidden.chance), float(hidden.f1)) == pytest.approx((1, 2 / 3, 1))


def test_a_unit_that_says_the_same_of_all_clips_is_at_chance() -> None:
    positive = (torch.arange(40) < 10)[:, None]
    found = exact_scores(torch.ones(40, 1), positive, None, torch.tensor([0.25]))
    assert (float(found.auprc), float(found.chance), float(found.f1)) == pytest.approx((0.25, 0.25, 0.25))


def test_a_concept_that_no_clip_has_gives_no_score() -> None:
    found = exact_scores(torch.rand(8, 1), torch.zeros(8, 1, dtype=torch.bool), None, torch.tensor([0.5]))
    assert bool(found.auprc.isnan())
    assert bool(found.f1.isnan())
    assert float(found.chance) == 0


def planted(n: int, m: int, units: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Values (n, U) of normal, rectified, heavy-tailed and sparse units, concepts (n, m), and those of the units."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.nn.functional.one_hot(torch.arange(n) % m, m).bool()[torch.randperm(n, generator=generator)]
    own = torch.randint(m, (units, 2), generator=generator)
    strength = 4 * torch.rand(units, generator=generator)
    values = torch.randn(n, units, generator=generator)
    values += strength * (labels[:, own[:, 0]].float() - labels[:, own[:, 1]].float())
    kind = torch.arange(units) % 4
    values = torch.where(kind == 1, values.relu(), values)
    values = torch.where(kind == 2, values.exp(), values)
    values = torch.where(kind == 3, (values - 2).relu().square(), values)
    return values * torch.logspace(-2, 2, units), labels, own


def test_exact_scores_are_those_of_scikit_learn() -> None:
    values, labels, own = planted(300, 10, 40, 0)
    found = exact_scores(values, labels[:, own[:, 0]], None, torch.full((40,), 0.1)).auprc
    expected = [average_precision_score(labels[:, own[unit, 0]], values[:, unit]) for unit in range(40)]
    assert torch.allclose(found.double(), torch.tensor(expected, dtype=torch.float64), atol=1e-6)


@pytest.mark.parametrize(("n", "m"), [(200, 10), (1000, 20), (4000, 20)])
def test_binned_scores_are_within_their_tolerance(n: int, m: int) -> None:
    values, labels, own = planted(n, m, 200, n)
    naming, scoring, has = values[: n // 2], values[n // 2 :], labels[n // 2 :]
    share = labels[: n // 2].float().mean(dim=0)[own]
    binned = BinnedScores(naming.double().mean(dim=0), naming.double().std(dim=0), naming.amin(dim=0) >= 0, own)
    for part in torch.arange(n // 2).split(37):
        binned.update(scoring[part], has[part], None)
    found = binned.result(share)
    tolerance = TOLERANCE[max(least for least in TOLERANCE if least <= n // 2 // m)]
    signed = scoring.amin(dim=0) < 0
    for place, pole in enumerate((1, -1)):
        rows = signed if pole < 0 else torch.ones_like(signed)  # only units that are ever negative have a low pole
        exact = exact_scores(pole * scoring, has[:, own[:, place]], None, share[:, place])
        difference = (found.auprc[:, place] - exact.auprc)[rows].abs()
        assert float(difference.max()) < tolerance
        assert float(difference.mean()) < tolerance / 6
        assert torch.allclose(found.chance[:, place].float(), exact.chance)
        assert float((found.f1[:, place] - exact.f1)[rows].abs().max()) < 2 * tolerance
        assert float(exact.auprc[rows].max()) > 0.9


def test_bins_leave_out_what_is_not_known() -> None:
    values, labels, own = planted(600, 5, 8, 1)
    known = torch.rand(600, 5, generator=torch.Generator().manual_seed(0)) < 0.5
    binned = BinnedScores(values.double().mean(dim=0), values.double().std(dim=0), values.amin(dim=0) >= 0, own)
    binned.update(values, labels & known, known)
    found = binned.result(torch.full((8, 2), 0.2))
    exact = exact_scores(values, labels[:, own[:, 0]], known[:, own[:, 0]], torch.full((8,), 0.2))
    assert torch.allclose(found.chance[:, 0].float(), exact.chance)
    assert float((found.auprc[:, 0] - exact.auprc).abs().max()) < TOLERANCE[25]
