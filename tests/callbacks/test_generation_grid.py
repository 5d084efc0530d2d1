"""The grid of Mishra et al. (2019): its settings, its penalty, and the table that is printed of it."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from callbacks.generation_grid import grid_lines, paper_prior, paper_settings, table
from callbacks.generation_priors import lanes_of
from configs.errors import CommandError
from configs.generation_schema import GenerationConfig
from interpretability.generation.input_space import InputSpace
from interpretability.generation.lane_scores import LaneScore
from interpretability.generation.latent_priors import GaussianLatent
from interpretability.generation.prior import Sound
from interpretability.generation.selection import Choice
from interpretability.generation.spectral_prior import SpectralPrior

NETWORK = SimpleNamespace(output_unit="head.1:0")
GAUSSIAN = GaussianLatent(nn.Linear(4, 6), 4, Sound((2, 3), 22050))


def test_the_search_is_the_published_one() -> None:
    found = paper_settings(GenerationConfig(), NETWORK)
    lanes = lanes_of(found, "generator")
    settings = {(lane.lr, lane.weight, steps) for lane in lanes for steps in found.snapshots}
    # run.sh of the authors' code: steps {100, 500, 1000} x lr {0.1, 0.01, 0.001} x lambda {0.1, 0.01, 0.001}.
    assert settings == {
        (lr, weight, steps) for lr in (0.1, 0.01, 0.001) for weight in (0.1, 0.01, 0.001) for steps in (100, 500, 1000)
    }
    assert len(lanes) * len(found.snapshots) == 27
    assert all(lane.transform == 0 for lane in lanes)
    assert (found.latents, found.halving, found.keep, found.units) == (50, False, "best", ["head.1:0"])


def test_what_is_given_stays() -> None:
    config = GenerationConfig(units=["voice"], latents=16, snapshots=[15, 30, 60], aim="minimise")
    found = paper_settings(config, NETWORK, {"latents": 16, "snapshots": [15, 30, 60]})  # the defaults, but typed
    assert (found.units, found.latents, found.snapshots, found.aim) == (["voice"], 16, [15, 30, 60], "minimise")
    assert paper_settings(GenerationConfig(), SimpleNamespace()).units == []  # all classes


def test_what_the_callback_of_the_run_has_is_replaced() -> None:
    small = GenerationConfig(latents=4, snapshots=[2, 4], lr=[0.3], weight=[1.0], transform=[0.05], halving=True)
    assert paper_settings(small, NETWORK) == paper_settings(GenerationConfig(), NETWORK)


@pytest.mark.parametrize("given", [{"lr": [0.3]}, {"weight": [1.0]}, {"transform": [0.05]}, {"halving": True}])
def test_what_the_paper_sets_cannot_be_given(given) -> None:
    with pytest.raises(CommandError, match=f"generation.{next(iter(given))}.*grid=paper sets it to"):
        paper_settings(GenerationConfig(**given), NETWORK, given)
    assert paper_settings(GenerationConfig(), NETWORK, {"lr": [], "halving": False, "keep": "best"}).keep == "best"


def test_latents_are_held_by_their_length_as_published() -> None:
    sound = Sound((2, 3), 22050)
    own = GaussianLatent(nn.Linear(4, 6), 4, sound)
    latent = torch.tensor([[3.0, 0.0, 4.0, 0.0]])
    assert paper_prior(own).log_prior(latent).tolist() == [-25.0]
    assert own.log_prior(latent).tolist() != [-25.0]  # the search's own prior is as it was
    other = InputSpace(sound, 0.0, 1.0)
    assert paper_prior(other) is other


def score(lane: str, step: int, scalar: float, median: float, excess: float = 1.0) -> LaneScore:
    values = dict.fromkeys((field.name for field in dataclasses.fields(LaneScore)), 0.5)
    values |= {"median": median, "scalar": scalar, "excess": excess, "low": excess - 0.1, "high": excess + 0.1}
    return LaneScore(**values | {"lane": lane, "step": step, "n": 50, "in_range": True})  # type: ignore[arg-type]


def found(*scores: LaneScore, aim: str = "maximise") -> SimpleNamespace:
    return SimpleNamespace(
        unit=SimpleNamespace(name="output"),
        aim=aim,
        scores=scores,
        reference=SimpleNamespace(described="n = 60 of 20 recordings"),
        choice=Choice(scores[0], "because"),
    )


def test_the_table_is_ordered_by_the_papers_score_and_names_each_pick() -> None:
    nan = float("nan")
    few = found(score("lr 0.1", 100, 60.5, 900.0), score("lr 0.01", 500, 1.654, 7.44, nan), score("x", 1, nan, 3.0))
    lines = grid_lines(few, GAUSSIAN)
    assert lines[0] == "output, maximise: 3 settings, n = 60 of 20 recordings"
    assert [line.split("  ")[0] for line in lines[2:5]] == ["lr 0.01, 500 steps", "lr 0.1, 100 steps", "x, 1 steps"]
    assert lines[2].split()[-7:] == ["7.44", "1.654", "-", "-", "0.5", "0.5", "0.5"]
    assert "0.9 to 1.1" in lines[3]
    assert lines[5] == "strongest: lr 0.1, 100 steps"
    assert lines[6] == "picked as published, by FD paper: lr 0.01, 500 steps"
    assert lines[7] == "picked: lr 0.1, 100 steps (because)"
    weakest = grid_lines(found(score("a", 1, 2.0, 5.0), score("b", 1, 3.0, -5.0), aim="minimise"), GAUSSIAN)
    assert weakest[-3] == "strongest: b, 1 steps"
    unknown = grid_lines(found(score("a", 1, nan, 5.0)), GAUSSIAN)
    assert unknown[-2].startswith("nothing is picked as published: none of 1 settings")


def test_a_prior_whose_weight_changes_nothing_is_said_and_none_that_has_one() -> None:
    lanes = [(lr, weight) for lr in (0.1, 0.01) for weight in (0.1, 0.01)]
    same = found(*[score(f"lr {lr}, weight {weight}", 100, 10 * lr, 5.0) for lr, weight in lanes])
    flat = SpectralPrior(torch.randn(4, 1, 2, 3), Sound((1, 2, 3), 22050))
    assert any(line.startswith("weights change nothing") for line in grid_lines(same, flat))
    assert not any(line.startswith("weights change nothing") for line in grid_lines(same, GAUSSIAN))


def test_columns_are_aligned() -> None:
    assert table([("a", "b"), ("long", "12.5")]) == ["a        b", "long  12.5"]
