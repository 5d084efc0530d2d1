"""The torchmetrics shells: two processes' halves merged are the whole, whatever the split."""

import math

import pytest
import torch
from torchmetrics import MetricCollection

from interpretability.listening import faithfulness_metrics as metrics
from interpretability.listening import masked_input
from interpretability.listening.fidelity import fidelity_area, top_k_fidelity


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


N = 11
WHOLE, KEPT = torch.randn(2, N, 5, generator=seeded()).softmax(dim=-1)
LABELS = WHOLE.argmax(dim=1)
TARGET = torch.randint(5, (N,), generator=seeded(1))
MASKS = torch.rand(N, 6, 7, generator=seeded(2))
SPECTRA = torch.randn(N, 6, 7, dtype=torch.complex64, generator=seeded(3))
DECIDED = torch.rand(N, 5, generator=seeded(4)) > 0.5

CASES = [
    (metrics.TopKFidelity, {"k": 3}, (WHOLE, KEPT)),
    (metrics.AverageIncrease, {}, (WHOLE, KEPT, LABELS)),
    (metrics.AverageDrop, {}, (WHOLE, KEPT, LABELS)),
    (metrics.AverageDrop, {"as_published": ("second_softmax",)}, (WHOLE, KEPT, LABELS)),
    (metrics.AverageGain, {"summary": "median"}, (WHOLE, KEPT, LABELS)),
    (metrics.InputFidelity, {}, (WHOLE, KEPT)),
    (metrics.InputFidelity, {"multi_label": True}, (WHOLE, KEPT, LABELS)),
    (metrics.InputFidelity, {"as_published": ("class_zero",)}, (WHOLE, KEPT)),
    (metrics.RemovalDrop, {}, (WHOLE, KEPT, LABELS)),
    (metrics.MaskedAccuracy, {}, (KEPT, TARGET)),
    (metrics.Sparseness, {}, (MASKS,)),
    (metrics.Complexity, {}, (MASKS,)),
    (metrics.EnergyKept, {}, (MASKS, SPECTRA)),
    (metrics.FidelityAUPRC, {}, (DECIDED, KEPT)),
    (metrics.FidelityAUPRC, {"average": "micro", "as_published": ("eleven_points",)}, (DECIDED, KEPT)),
]


@pytest.mark.parametrize(("kind", "settings", "batch"), CASES)
def test_merged_halves_equal_the_whole(kind, settings, batch):
    whole, first, second = (kind(**settings) for _ in range(3))
    whole.update(*batch)
    for metric, parts in ((first, (slice(0, 3), slice(3, 4))), (second, (slice(4, N),))):
        for part in parts:
            metric.update(*(values[part] for values in batch))
    first.merge_state(second)
    torch.testing.assert_close(first.compute(), whole.compute())
    whole.reset()
    whole.update(*(values[:2] for values in batch))
    part = kind(**settings)
    part.update(*(values[:2] for values in batch))
    torch.testing.assert_close(whole.compute(), part.compute(), equal_nan=True)


def test_figures_are_those_of_the_functions():
    drop = metrics.AverageDrop()
    drop.update(WHOLE, KEPT, LABELS)
    assert float(drop.compute()) == pytest.approx(masked_input.average_drop(WHOLE, KEPT, LABELS).mean)
    removed = metrics.RemovalDrop()
    removed.update(WHOLE, KEPT, LABELS)
    assert float(removed.compute()) == pytest.approx(masked_input.drop(WHOLE, KEPT, LABELS).median)
    top = metrics.TopKFidelity(3)
    top.update(WHOLE, KEPT)
    assert float(top.compute()) == pytest.approx(top_k_fidelity(WHOLE, KEPT, 3).mean)
    area = metrics.FidelityAUPRC()
    area.update(DECIDED, KEPT)
    assert float(area.compute()) == pytest.approx(fidelity_area(DECIDED, KEPT).macro)
    assert area.area.per_class.n == 5


def test_undefined_clips_are_counted_through_merging():
    first, second = metrics.Sparseness(), metrics.Sparseness()
    first.update(torch.zeros(2, 3, 4))
    second.update(MASKS)
    first.merge_state(second)
    assert (first.clips.n, first.clips.undefined) == (N + 2, 2)
    assert math.isfinite(float(first.compute()))
    assert metrics.Complexity().clips.n == 0
    assert first.higher_is_better


def test_they_work_in_a_collection():
    together = MetricCollection({"increase": metrics.AverageIncrease(), "gain": metrics.AverageGain()})
    together.update(WHOLE, KEPT, LABELS)
    found = together.compute()
    assert set(found) == {"increase", "gain"}
    assert float(found["increase"]) == pytest.approx(masked_input.average_increase(WHOLE, KEPT, LABELS).mean)
    assert float(found["gain"]) == pytest.approx(masked_input.average_gain(WHOLE, KEPT, LABELS).mean)
