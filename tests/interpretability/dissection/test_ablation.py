"""Ablation by exact index: only the named units change, on any axis, and nothing is left behind."""

import pytest
import torch
from torch import nn

from configs.errors import InputError
from interpretability.dissection.ablation import ablated, assert_only
from interpretability.dissection.unit_moments import unit_moments
from interpretability.layers.capture import outputs


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(6, 5, 3), nn.Flatten(), nn.Linear(5 * 36, 4)
    ).eval()


def caught(network, clips):
    """Outputs of all layers, copied: later layers change some in place."""
    found = {}
    handles = [
        layer.register_forward_hook(lambda layer, inputs, output, path=path: found.update({path: output.clone()}))
        for path, layer in network.named_children()
    ]
    network(clips)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("zero", lambda own, mean: 0 * own),
        ("mean", lambda own, mean: mean + 0 * own),
        (1.5, lambda own, mean: 1.5 * own),
    ],
)
def test_only_the_named_units_change(network, how, expected):
    clips = torch.randn(3, 1, 8, 8)
    before = caught(network, clips)
    means = {path: found.mean for path, found in unit_moments(network, ["1"], lambda: network(clips)).items()}
    assert torch.allclose(means["1"], before["1"].double().mean(dim=(0, 2, 3)))
    with ablated(network, {"1": [4, 1]}, how, means):
        after = caught(network, clips)
    assert torch.equal(after["0"], before["0"])
    for unit in range(6):
        own = before["1"][:, unit]
        if unit in (1, 4):
            assert torch.allclose(after["1"][:, unit], expected(own, means["1"][unit].float()))
            assert not torch.equal(after["1"][:, unit], own)
        else:
            assert torch.equal(after["1"][:, unit], own)
    assert not torch.allclose(after["4"], before["4"])


def test_nothing_is_left_behind_on_success_or_error(network):
    clips = torch.randn(2, 1, 8, 8)
    before = network(clips)
    with ablated(network, {"0": [0], "2": [1]}):
        pass
    with pytest.raises(ZeroDivisionError), ablated(network, {"0": [0]}):
        raise ZeroDivisionError
    with pytest.raises(InputError), ablated(network, {"0": [0], "9": [0]}):
        pass
    assert torch.equal(network(clips), before)
    assert not any(layer._forward_hooks for layer in network.modules())


def test_tokens_have_their_units_on_the_last_axis():
    layer = nn.Linear(3, 4)
    network = nn.Sequential(layer)
    tokens = torch.randn(2, 5, 3)
    before = network(tokens)
    with ablated(network, {"0": [3]}, axes={"0": 2}):
        after = network(tokens)
    assert torch.equal(after[..., :3], before[..., :3])
    assert bool((after[..., 3] == 0).all())


def test_scale_one_and_no_units_are_exact(network):
    clips = torch.randn(2, 1, 8, 8)
    before = network(clips)
    for units, how in (({"0": [0, 1]}, 1.0), ({"0": []}, "zero"), ({}, "zero")):
        with ablated(network, units, how):
            assert torch.equal(network(clips), before)


def test_a_change_elsewhere_is_a_fault():
    before = torch.randn(2, 4, 3)
    after = before.clone()
    after[:, 2] = 0
    assert_only("x", before, after, [2], 1)
    with pytest.raises(AssertionError, match="unit 2"):
        assert_only("x", before, after, [1], 1)
    before[0, 0, 0] = torch.nan
    assert_only("x", before, before.clone(), [1], 1)


def test_what_cannot_be_ablated_is_named(network):
    clips = torch.randn(1, 1, 8, 8)
    with pytest.raises(InputError, match="no such layer"), ablated(network, {"conv": [0]}):
        pass
    with pytest.raises(InputError, match="layer '0' has no unit 6: its 6 units"), ablated(network, {"0": [6]}):
        network(clips)
    with pytest.raises(InputError, match="means of its units"), ablated(network, {"0": [0]}, "mean"):
        pass
    lstm = nn.Sequential(nn.LSTM(3, 4))
    with pytest.raises(InputError, match="returns a tuple"), ablated(lstm, {"0": [0]}):
        lstm(torch.randn(2, 5, 3))
    with pytest.raises(InputError, match="no axis 3"), ablated(network, {"4": [0]}, axes={"4": 3}):
        network(clips)


def test_moments_by_hand_and_layers_that_do_not_run():
    network = nn.ModuleDict({"used": nn.Identity(), "idle": nn.Identity()})
    clips = torch.tensor([[[1.0, 3.0], [0.0, 0.0]], [[1.0, 3.0], [4.0, 0.0]]])
    found = unit_moments(network, ["used"], lambda: [network["used"](clip[None]) for clip in clips])["used"]
    assert found.mean.tolist() == [2.0, 1.0]
    assert torch.allclose(found.rms, torch.tensor([5.0, 4.0]).double().sqrt())
    assert torch.allclose(found.norm("mean"), torch.tensor([1.0, 3.0]).double().sqrt())
    with pytest.raises(InputError, match="'idle' does not run"):
        unit_moments(network, ["idle"], lambda: None)


def test_the_hook_sees_what_later_hooks_see(network):
    clips = torch.randn(1, 1, 8, 8)
    with ablated(network, {"2": [0]}):
        seen = {path: output for path, _, output in outputs(network, lambda: network(clips))}
    assert bool((seen["2"][:, 0] == 0).all())
