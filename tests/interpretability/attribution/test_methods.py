import pytest
import torch

from interpretability.attribution.methods import ATTRIBUTION_METHODS, TITLES, attribution_methods, natural_mask
from interpretability.attribution.settings import AttributionSettings

NAMES = sorted(ATTRIBUTION_METHODS)
AREA = (slice(4, 13), slice(10, 20))  # 9 x 10 of 33 x 40 bins: 6.8 %
OTHER = (slice(20, 30), slice(25, 40))


def share_inside(relevance, inside):
    return (relevance * inside).sum(dim=(1, 2)) / relevance.sum(dim=(1, 2))


@pytest.fixture
def f(planted):
    """Class 0 hears one rectangle, class 1 another."""
    torch.manual_seed(0)
    return planted.explained(planted.Rectangles([planted.rectangle(*AREA), planted.rectangle(*OTHER)]))


@pytest.mark.parametrize("name", NAMES)
def test_relevance_lies_in_the_planted_rectangle(planted, f, name):
    S, inside = planted.spectra(4), planted.rectangle(*AREA)
    relevance = attribution_methods(AttributionSettings(seed=1))[name](f, S, torch.zeros(4, dtype=torch.long))
    assert relevance.shape == S.shape
    assert relevance.min() >= 0
    assert relevance.isfinite().all()
    chance = inside.float().mean().item()
    large = {"slime_time": 2, "slime_frequency": 2, "slime": 3, "shap": 3, "audio_lime": 2}  # whose cuts exceed it
    least = large.get(name, 5)
    assert (share_inside(relevance, inside) > least * chance).all()


@pytest.mark.parametrize("name", NAMES)
def test_another_class_has_other_reasons(planted, f, name):
    S = planted.spectra(2)
    of = attribution_methods()[name]
    own, other = of(f, S, torch.tensor([0, 0])), of(f, S, torch.tensor([1, 1]))
    inside = planted.rectangle(*AREA)
    assert (share_inside(own, inside) > 2 * share_inside(other, inside)).all()


def test_a_random_map_is_at_chance(planted):
    inside = planted.rectangle(*AREA)
    relevance = torch.rand(64, *planted.shape, generator=torch.Generator().manual_seed(0))
    assert share_inside(relevance, inside).mean().item() == pytest.approx(inside.float().mean().item(), rel=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_batched_equals_one_by_one_and_nothing_is_left_behind(planted, name):
    net = planted.SmallNet().eval()
    net.norm.train()
    net.first.weight.requires_grad_(False)
    f, S, labels = planted.explained(net), planted.spectra(5), torch.tensor([0, 2, 1, 0, 2])
    net.norm.eval()
    net.dropout = torch.nn.Dropout(0.5)  # in training mode, unused: its flag has to stay
    flags = [m.training for m in net.modules()]
    weights = {k: v.clone() for k, v in net.state_dict().items()}
    explain = attribution_methods(AttributionSettings(chunk=7))[name]
    state = torch.random.get_rng_state()
    with torch.inference_mode():
        together = explain(f, S.clone(), labels.clone())
    single = torch.cat([explain(f, S[i : i + 1], labels[i : i + 1]) for i in range(5)])
    assert (together - single).abs().max() <= 1e-5 * single.abs().max()
    assert (torch.random.get_rng_state() == state).all()
    assert all(p.grad is None for p in net.parameters())
    assert [p.requires_grad for p in net.parameters()].count(False) == 1
    assert [m.training for m in net.modules()] == flags
    assert all(torch.equal(v, weights[k]) for k, v in net.state_dict().items())
    assert not any(m._forward_hooks or m._backward_hooks for m in net.modules())
    assert not together.requires_grad


@pytest.mark.parametrize("name", NAMES)
def test_silence_gives_a_finite_map(planted, f, name):
    silent = torch.zeros(1, *planted.shape, dtype=torch.complex64)
    assert ATTRIBUTION_METHODS[name](f, silent, torch.tensor([0])).isfinite().all()


def test_every_method_has_a_title_and_settings_are_checked():
    assert list(TITLES) == list(ATTRIBUTION_METHODS)
    with pytest.raises(ValueError, match="ig_steps=0"):
        AttributionSettings(ig_steps=0)


def test_natural_mask():
    masks = natural_mask(torch.tensor([[[1.0, 4.0]], [[0.0, 0.0]]]))
    torch.testing.assert_close(masks, torch.tensor([[[0.25, 1.0]], [[0.0, 0.0]]]))
