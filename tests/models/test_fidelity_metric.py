"""Fidelity over a split, in batches of any size, beside that of activations of other clips."""

import pytest
import torch
from sklearn.metrics import average_precision_score
from torchmetrics.functional.classification import multiclass_accuracy

from models.fidelity_metric import FidelityMetric


def computed(metric, decision, interpreter, size=7):
    for start in range(0, len(decision), size):
        metric.update(decision[start : start + size], interpreter[start : start + size])
    return metric.compute()


def logits(n=200, c=10, noise=1.0):
    generator = torch.Generator().manual_seed(0)
    decision = 3 * torch.randn(n, c, generator=generator)
    return decision, decision + noise * torch.randn(n, c, generator=generator)


def test_top_k_is_accuracy_against_the_classifier():
    decision, interpreter = logits(noise=3.0)
    found = computed(FidelityMetric(multi_label=False), decision, interpreter)
    for k in (1, 3, 5):
        expected = multiclass_accuracy(interpreter, decision.argmax(dim=1), 10, average="micro", top_k=k)
        assert found[f"fidelity_top{k}"] == pytest.approx(float(expected), abs=1e-6)


def test_average_precision_leaves_out_a_class_that_is_never_predicted():
    decision, interpreter = logits(c=4, noise=3.0)
    decision[:, 2] = -1.0
    found = computed(FidelityMetric(multi_label=True), decision, interpreter)
    areas = [average_precision_score(decision[:, c] > 0, interpreter[:, c]) for c in (0, 1, 3)]
    assert found["fidelity_auprc"] == pytest.approx(sum(areas) / 3, abs=1e-6)
    assert found["fidelity_classes"] == 3


def test_activations_of_other_clips_give_what_chance_gives():
    decision, _ = logits(n=400)
    found = computed(FidelityMetric(multi_label=False, shuffled=True), decision, decision)
    assert found["fidelity_top1"] == 1
    said, total = decision.argmax(dim=1), len(decision)
    pairs = (said[:, None] == said).sum() - total
    assert found["shuffled_fidelity_top1"] == pytest.approx(float(pairs) / (total * (total - 1)), abs=0.03)
    labels = computed(FidelityMetric(multi_label=True, shuffled=True), decision, decision)
    assert labels["fidelity_auprc"] == pytest.approx(1)
    assert labels["shuffled_fidelity_auprc"] < 0.65


def test_of_two_classes_there_is_a_top_1_only():
    assert set(computed(FidelityMetric(False), *logits(c=2))) == {"fidelity_top1"}
