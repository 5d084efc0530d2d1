import itertools
import math

import pytest
import torch

from interpretability.attribution.perturbation import answers, occlusion, shapley_values
from interpretability.attribution.segments import Blocks, blocks
from interpretability.attribution.settings import AttributionSettings


def test_occlusion_is_the_fall_of_the_logit_block_by_block(planted):
    f, S = planted.explained(planted.SmallNet().eval()), planted.spectra(2)
    labels = torch.tensor([0, 2])
    found = occlusion(AttributionSettings(occlusion_patches=12, chunk=5), f, S, labels)
    parts = blocks(torch.empty(planted.shape), 12)
    assert parts.count == 12
    with torch.no_grad():
        whole = f.respond(S)
        for number in range(parts.count):
            inside = parts.numbers == number
            fall = (whole - f.respond(S * ~inside)).gather(1, labels[:, None])[:, 0].clamp_min(0)
            for clip in range(2):
                torch.testing.assert_close(
                    found[clip][inside], fall[clip].expand(int(inside.sum())), rtol=1e-3, atol=1e-5
                )


def exact_shapley(value, n):
    """Shapley values of a game on n players by the sum over all coalitions."""
    result = []
    for player in range(n):
        others = [p for p in range(n) if p != player]
        total = 0.0
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            total += weight * sum(
                value({*some, player}) - value(set(some)) for some in itertools.combinations(others, size)
            )
        result.append(total)
    return torch.tensor(result)


def test_shapley_values_converge_to_the_exact_ones_and_add_up(planted):
    f, S = planted.explained(planted.SmallNet().eval()), planted.spectra(1)[0]
    parts, label = blocks(torch.empty(planted.shape), 4), torch.tensor(1)

    def value(players):
        presence = torch.tensor([[float(p in players) for p in range(4)]])
        return answers(f, S, label, parts, presence, 8).item()

    exact = exact_shapley(value, 4)
    few = shapley_values(f, S, label, parts, 8, torch.Generator().manual_seed(0))
    many = shapley_values(f, S, label, parts, 800, torch.Generator().manual_seed(0))
    everything = value({0, 1, 2, 3}) - value(set())
    assert few.sum().item() == pytest.approx(everything, abs=1e-4)
    assert (many - exact).abs().max() < 0.03 * exact.abs().max()


def test_a_pair_of_orders_is_exact_where_two_blocks_interact(planted):
    class Product(torch.nn.Module):
        def forward(self, x):
            a, b = x[:, 0, :16].mean(dim=(1, 2)), x[:, 0, 16:].mean(dim=(1, 2))
            return torch.stack([a * b + 2 * a, b], dim=1)

    f, S = planted.explained(Product()), planted.spectra(1)[0]
    halves = Blocks((torch.arange(33) >= 16).long()[:, None].expand(33, 40))
    values = shapley_values(f, S, torch.tensor(0), halves, 1, torch.Generator().manual_seed(0))
    X = S.abs().log1p()
    a, b = X[:16].mean(), X[16:].mean()
    torch.testing.assert_close(values, torch.stack([a * b / 2 + 2 * a, a * b / 2]), rtol=1e-4, atol=1e-5)
