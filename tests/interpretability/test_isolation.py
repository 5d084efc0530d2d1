"""Nothing a measurement does is felt afterwards."""

import random

import numpy as np
import pytest
import torch

from interpretability.isolation import evaluation_mode, isolated


def draws():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_streams_flags_and_gradients_are_put_back_even_after_an_error():
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5))
    model[0].eval()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = draws()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    inside, kept = {}, {}

    def measure():
        with torch.inference_mode(), isolated(model, 7, torch.device("cpu")):
            inside["draws"] = draws()
            kept["output"] = model(torch.ones(4, 3))
            raise RuntimeError("planned")

    with pytest.raises(RuntimeError, match="planned"):
        measure()
    assert not kept["output"].is_inference()
    assert not kept["output"].requires_grad
    assert draws() == expected
    assert [part.training for part in model.modules()] == [True, False, True]
    assert torch.equal(model[0].running_mean, torch.zeros(3))
    with isolated(model, 7, torch.device("cpu")):
        assert draws() == inside["draws"]


def test_gradients_can_be_asked_for_inside():
    model = torch.nn.Linear(2, 1)
    with torch.inference_mode(), isolated(model, 0, torch.device("cpu")), torch.enable_grad():
        x = torch.ones(1, 2, requires_grad=True)
        model(x).sum().backward()
    assert x.grad is not None


def test_each_part_gets_its_own_flag_back():
    model = torch.nn.ModuleList([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)])
    model[1].eval()
    with evaluation_mode(model):
        assert not any(part.training for part in model.modules())
    assert [part.training for part in model.modules()] == [True, True, False]
