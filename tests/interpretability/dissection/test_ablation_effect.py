"""Effects beside matched random draws: figures and z by hand, and a planted unit that carries a class."""

import math

import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import nn

from interpretability.dissection.ablation_effect import ablation_effect, compare, pooled
from interpretability.dissection.answers import Answers
from interpretability.dissection.dose_response import dose_response
from interpretability.dissection.matched_draws import matched_draws, norm_ratio, z_score


def test_z_by_hand():
    assert z_score(5.0, [1.0, 3.0]) == pytest.approx(3 / math.sqrt(2))
    assert z_score(0.5, [0.0, 0.0], smallest=0.1) == pytest.approx(5.0)
    assert z_score(5.0, [1.0, 3.0], smallest=0.1) == pytest.approx(3 / math.sqrt(2))
    assert z_score(1.0, [0.0, 0.0]) == math.inf
    assert math.isnan(z_score(0.0, [0.0, 0.0]))


def test_comparison_by_hand():
    found = compare([0.9, 0.3, 0.9, 0.8, 0.7], 0.025, "accuracy")
    assert found["random"] == pytest.approx(0.8)
    assert found["random_std"] == pytest.approx(0.1)
    assert found["z"] == pytest.approx(5.0)  # 0.6 lost, against 0.1 +- 0.1
    assert compare([0.9, 0.3], 0.1, "accuracy")["z"] is None


def test_figures_of_single_labels_by_hand():
    logits = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 3.0], [1.0, 4.0, 0.0]])
    answers = Answers(logits, torch.tensor([0, 1, 1]))
    found = answers.per_class()
    assert found["accuracy"][0, :2].tolist() == [1.0, 0.5]
    assert math.isnan(found["accuracy"][0, 2])
    assert found["accuracy"][1].tolist() == pytest.approx([0.5, 1.0, 2 / 3])
    assert found["margin"][0, :2].tolist() == [1.0, (-2.0 + 3.0) / 2]
    assert found["logit"][1, 1] == 2.0
    logp = logits.double().log_softmax(dim=1)
    assert found["log_probability"][0, 1] == pytest.approx(float(logp[1, 1] + logp[2, 1]) / 2)
    assert answers.counts.tolist() == [1, 2, 0]
    assert answers.shares.tolist() == pytest.approx([1 / 3, 2 / 3, 0])
    of_clips = answers.of_clips(torch.tensor([True, True, False]))
    assert of_clips["accuracy"][:, 0].tolist() == [0.5, 1.0]


def test_figures_of_many_labels_leave_unknown_ones_out():
    torch.manual_seed(0)
    logits, target = torch.randn(30, 4), (torch.rand(30, 4) > 0.6).float()
    observed = torch.rand(30, 4) > 0.3
    found = Answers(logits, target, observed).per_class()
    held = (target > 0.5) & observed
    assert Answers(logits, target, observed).shares.tolist() == pytest.approx((held.sum(0) / observed.sum(0)).tolist())
    for c in range(4):
        known = observed[:, c]
        reference = average_precision_score(target[known, c], logits[known, c])
        assert found["average_precision"][0, c] == pytest.approx(reference, abs=1e-6)
        right = (logits[known, c] > 0) == (target[known, c] > 0.5)
        assert found["accuracy"][0, c] == pytest.approx(right.double().mean())
        rest = [float(found["accuracy"][0, other]) for other in range(4) if other != c]
        assert found["accuracy"][1, c] == pytest.approx(sum(rest) / 3)


def test_draws_are_of_the_layer_and_of_the_norm():
    norms = {"a": torch.logspace(0, 3, 40), "b": torch.ones(6)}
    chosen = {"a": [10, 30, 31], "b": [2]}
    draws = matched_draws(chosen, norms, count=200, seed=1)
    for draw in draws:
        assert not set(draw["a"]) & set(chosen["a"])
        assert len(set(draw["a"])) == 3
        assert len(draw["b"]) == 1
        assert draw["b"] != [2]
        assert all(min(abs(unit - c) for c in chosen["a"]) <= 6 for unit in draw["a"])
    assert len({tuple(draw["a"]) for draw in draws}) > 20
    assert 0.7 < norm_ratio(chosen, draws, norms) < 1.5
    assert draws == matched_draws(chosen, norms, count=200, seed=1)


def test_draws_fill_up_where_a_layer_has_too_few_others():
    (draw,) = matched_draws({"a": [0, 1, 2]}, {"a": torch.ones(4)}, count=1)
    assert len(set(draw["a"])) == 3
    assert 3 in draw["a"]


@pytest.fixture
def planted():
    """A network whose unit 3 of 16 alone carries class 1 of 3; every other unit carries a part of class 0 or 2."""
    torch.manual_seed(0)
    target = torch.arange(120) % 3
    concepts = nn.functional.one_hot(target, 3).float()
    mixing = torch.zeros(16, 3)
    mixing[:8, 0], mixing[8:, 2] = 1 + torch.rand(8), 1 + torch.rand(8)
    mixing[3] = torch.tensor([0.0, 3.0, 0.0])
    layer, head = nn.Linear(3, 16), nn.Linear(16, 3)
    with torch.no_grad():
        layer.weight.copy_(mixing)
        layer.bias.fill_(0.1)
        head.weight.copy_(mixing.T / mixing.square().sum(dim=0)[:, None])
        head.bias.copy_(torch.tensor([0.0, 0.05, 0.0]))
    network = nn.Sequential(layer, nn.ReLU(), head)
    clips = concepts + 0.05 * torch.randn(120, 3)
    return network, lambda: Answers(network(clips), target)


def test_a_planted_unit_is_found_and_another_is_not(planted):
    network, evaluate = planted
    effect = ablation_effect(network, evaluate, {"1": [3]})
    rows = effect.classes()
    assert rows[1]["accuracy"]["forget"]["before"] == 1.0
    assert rows[1]["accuracy"]["forget"]["after"] < 0.2
    assert rows[1]["accuracy"]["forget"]["z"] > 3
    assert rows[1]["accuracy"]["retain"]["after"] == 1.0
    other = ablation_effect(network, evaluate, {"1": [8]}).classes()
    assert all(abs(row["accuracy"]["forget"]["z"]) < 3 for row in other)
    assert effect.plain()["units"] == {"1": [3]}


def test_pooling_two_halves_is_the_whole(planted):
    network, evaluate = planted
    whole = evaluate()
    parts = [
        lambda part=part: (lambda said: Answers(said.logits[part], said.target[part]))(evaluate())
        for part in (slice(0, 50), slice(50, 120))
    ]
    together = pooled([ablation_effect(network, part, {"1": [3, 5]}, draws=4) for part in parts])
    direct = ablation_effect(network, evaluate, {"1": [3, 5]}, draws=4)
    assert torch.equal(together.before.logits, whole.logits)
    assert together.classes()[1]["accuracy"]["forget"] == pytest.approx(direct.classes()[1]["accuracy"]["forget"])


def test_dose_response_passes_through_the_model_as_it_is(planted):
    network, evaluate = planted
    found = dose_response(network, evaluate, {"1": [3]}, scales=(0.0, 1.0, 2.0))
    figures = found["classes"][1]
    before = evaluate().per_class()
    assert figures["margin"]["forget"][1] == pytest.approx(before["margin"][0, 1].item())
    assert figures["margin"]["forget"][0] < figures["margin"]["forget"][1] < figures["margin"]["forget"][2]
    assert figures["accuracy"]["forget"][0] < 0.2


def test_effects_of_many_labels(planted):
    network, evaluate = planted

    def evaluate_labels():
        said = evaluate()
        return Answers(said.logits - 0.5, nn.functional.one_hot(said.target, 3).float())

    rows = ablation_effect(network, evaluate_labels, {"1": [3]}, "mean").classes()
    assert rows[1]["average_precision"]["forget"]["before"] == pytest.approx(1.0)
    assert rows[1]["average_precision"]["forget"]["after"] < 0.7
    assert rows[1]["average_precision"]["retain"]["after"] > 0.95
