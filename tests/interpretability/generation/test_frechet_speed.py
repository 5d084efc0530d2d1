"""Speed of the Fréchet distance beside that of torchmetrics on the same activations."""

import time

import pytest
import torch
from torchmetrics.image.fid import FrechetInceptionDistance

from interpretability.generation.frechet import frechet_distance, spread

ROUNDS = 3


class Identity(torch.nn.Module):
    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.slow
@pytest.mark.parametrize("n_features", [512, 2048])
@pytest.mark.parametrize("n", [64, 400])
def test_five_times_faster_than_torchmetrics(n: int, n_features: int) -> None:
    """Both get the same activations of both sides; contenders take turns, and the fastest round counts."""
    generator = torch.Generator().manual_seed(0)
    real, made = torch.randn(2, n, n_features, generator=generator, dtype=torch.float64) / n_features**0.5
    metric = FrechetInceptionDistance(feature=Identity(n_features)).set_dtype(torch.float64)
    seconds: dict[str, list[float]] = {"ours": [], "torchmetrics": []}
    for _ in range(ROUNDS):
        started = time.perf_counter()
        ours = float(frechet_distance(spread(real), made))
        seconds["ours"].append(time.perf_counter() - started)
        metric.reset()
        started = time.perf_counter()
        metric.update(real, real=True)
        metric.update(made, real=False)
        theirs = float(metric.compute())
        seconds["torchmetrics"].append(time.perf_counter() - started)
    fastest = {name: min(values) for name, values in seconds.items()}
    ratio = fastest["torchmetrics"] / fastest["ours"]
    print(f"n = {n}, D = {n_features}: {1e3 * fastest['ours']:.1f} ms, torchmetrics {ratio:.0f} times that")
    assert ours == pytest.approx(theirs, rel=1e-5)
    assert ratio >= 5
