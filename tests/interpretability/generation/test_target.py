from dataclasses import replace

import pytest
import torch
from torch import nn

from configs.errors import InputError
from interpretability.dissection.probe_set import ProbeBatch
from interpretability.dissection.read_out import Axes, laid_out, read
from interpretability.generation.readings import Readings, checked, unit_activations
from interpretability.generation.target import Target


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.conv2, self.head = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 5, 3), nn.Linear(5, 3)
        self.parts = Parts()

    def forward(self, x):
        maps = self.conv2(self.conv1(x).relu())
        self.parts(maps)
        return self.head(maps.mean(dim=(2, 3)))


class Parts(nn.Module):
    def forward(self, maps):
        return maps.mean(dim=2).relu(), None


@pytest.mark.parametrize("read_out", ["mean", "max", "first", "p90", "p0"])
def test_reads_units_as_a_dissection_does(read_out):
    model, x = Small(), torch.randn(3, 1, 9, 12, generator=torch.Generator().manual_seed(1))
    target = Target(2, "conv2", read_out=read_out)
    with Readings(model, {"unit": target}) as reader:
        found = reader.read(x)["unit"]
    maps = model.conv2(model.conv1(x).relu())
    batch = ProbeBatch(torch.zeros(3, 100), torch.full((3,), 100), torch.arange(3))
    torch.testing.assert_close(found, read(laid_out("conv2", maps, Axes()), batch, 100, read_out).values)
    assert found.requires_grad
    assert not model.conv2._forward_hooks
    torch.testing.assert_close(unit_activations(model, target, x, batch=2), found[:, 2].detach())


def test_reads_logits_and_components_of_what_a_layer_returns():
    model, x = Small(), torch.randn(2, 1, 9, 12)
    torch.testing.assert_close(unit_activations(model, Target(1), x), model(x)[:, 1].detach())
    target = Target(4, "parts", axes=Axes(pick=lambda out: out[0]))
    maps = model.conv2(model.conv1(x).relu())
    torch.testing.assert_close(unit_activations(model, target, x), maps.mean(dim=2).relu()[:, 4].mean(dim=1).detach())
    with pytest.raises(InputError, match="returns a tuple"):
        unit_activations(model, replace(target, axes=Axes()), x)


def test_objectives_by_hand():
    a = torch.tensor([1.0, 3.0])
    assert Target(0).objective(a).tolist() == [1, 3]
    assert Target(0, aim="minimise").objective(a).tolist() == [-1, -3]
    level = Target(0).calibrated(torch.tensor([0.0, 2.0, 4.0]))  # mean 2, deviation 2
    assert (level.aim, level.level, level.spread) == ("reach", 2, 2)
    assert level.objective(a).tolist() == [-0.125, -0.125]


def test_what_does_not_exist_is_named_with_the_nearest():
    model, x = Small(), torch.randn(2, 1, 9, 12)
    with pytest.raises(InputError, match=r"units 0 to 4 and no unit 7; the nearest is 4"):
        checked(model, Target(7, "conv2"), x)
    with pytest.raises(InputError, match=r"no unit -1; the nearest is 0"):
        checked(model, Target(-1), x)
    with pytest.raises(InputError, match="did you mean 'conv2'"):
        checked(model, Target(0, "conv3_2"), x)
    with pytest.raises(InputError, match="did you mean 'rooster'"):
        checked(model, Target("roster"), x, ["dog", "rooster", "rain"])
    assert checked(model, Target("rain"), x, ["dog", "rooster", "rain"]).unit == 2
    assert not model._forward_hooks
    with pytest.raises(InputError, match="give its index"):
        unit_activations(model, Target("rain"), x)
    with pytest.raises(InputError, match="aim='more'"):
        Target(0, aim="more")
    with pytest.raises(InputError, match="spread"):
        Target(0, spread=0)
    with pytest.raises(InputError, match="all 5 reference excerpts give the activation 2"):
        Target(0).calibrated(torch.full((5,), 2.0))


def test_hooks_go_with_an_error_and_flags_come_back():
    model = Small().train()
    model.conv1.eval()
    with pytest.raises(RuntimeError):
        unit_activations(model, Target(0, "conv2"), torch.randn(2, 3, 9, 12))
    assert not model.conv2._forward_hooks
    assert (model.training, model.conv1.training, model.conv2.training) == (True, False, True)
