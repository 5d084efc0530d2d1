import random
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

from configs.errors import InputError
from interpretability.generation.activation_maximisation import activation_maximisation
from interpretability.generation.lanes import Halving, Lane, LaneAdam, grid, published_lanes
from interpretability.generation.latent_priors import GaussianLatent
from interpretability.generation.prior import Sound
from interpretability.generation.readings import unit_activations
from interpretability.generation.reference import choose_excerpts
from interpretability.generation.search_settings import SearchSettings
from interpretability.generation.spectral_prior import SpectralPrior
from interpretability.generation.target import Target

SOUND = Sound((1, 6, 8), 8000)
LANES = (Lane(0.1), Lane(0.03, 0.2), Lane(0.05, 0.1, transform=0.3))
UNIT = Target(1)


class Net(nn.Module):
    """BatchNorm and dropout, so that anything but eval mode would be seen."""

    def __init__(self, out=3):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Tanh(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(96, out)
        )

    def forward(self, x):
        return self.layers(x)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def prior():
    torch.manual_seed(1)
    return GaussianLatent(nn.Sequential(nn.Linear(5, 48), nn.Tanh(), nn.Unflatten(1, (1, 6, 8))), 5, SOUND, "l2")


def found(model, prior, lanes=LANES, target=UNIT, **settings):
    settings = {"snapshots": (4, 12), "seeds": 5, "keep": "last", **settings}
    return activation_maximisation(model, target, prior, lanes, SearchSettings(**settings))


def test_each_row_is_adam_on_its_own_objective(model, prior):
    search = found(model, prior, LANES[:2])
    model.eval()
    for lane in LANES[:2]:
        for i in range(5):
            z = prior.sample(1, torch.Generator().manual_seed(i)).requires_grad_()
            optimiser = torch.optim.Adam([z], lr=lane.lr)
            for _ in range(12):
                optimiser.zero_grad()
                (lane.weight * z.square().sum() - model(prior.decode(z))[0, 1]).backward()
                optimiser.step()
            snapshot = search.of(lane, 12)
            torch.testing.assert_close(snapshot.latent[i], z[0].detach(), rtol=0, atol=1e-5)
            assert snapshot.activation[i] == pytest.approx(float(model(prior.decode(z))[0, 1].detach()), abs=1e-5)
    assert search.latent_steps == 2 * 5 * 12


def test_lane_adam_leaves_out_rows():
    start, gradient = torch.zeros(2, 3), torch.tensor([[1.0, -2.0, 0.5]])
    adam = LaneAdam(start, torch.tensor([0.1, 0.2]))
    # The first step of Adam is the sign of the gradient times lr.
    one = adam.ascend(start[1:], gradient, torch.tensor([1]))
    torch.testing.assert_close(one, 0.2 * gradient.sign())
    assert adam.steps.tolist() == [0, 1]
    assert adam.first[0].abs().sum() == 0


@pytest.mark.parametrize("chunk", [1, 4, 7])
def test_the_same_in_chunks_alone_and_again(model, prior, chunk):
    whole, parts = found(model, prior), found(model, prior, chunk=chunk)
    again, alone = found(model, prior), found(model, prior, LANES[2:])
    for a, b, c in zip(whole.snapshots, parts.snapshots, again.snapshots, strict=True):
        torch.testing.assert_close(a.latent, b.latent, rtol=0, atol=1e-5)
        assert torch.equal(a.latent, c.latent)
    torch.testing.assert_close(alone.of(LANES[2], 12).latent, whole.of(LANES[2], 12).latent, rtol=0, atol=1e-5)
    few = found(model, prior, seeds=2)
    torch.testing.assert_close(few.of(LANES[1], 12).latent, whole.of(LANES[1], 12).latent[:2], rtol=0, atol=1e-5)
    other = found(model, prior, seed=100)
    assert (other.start - whole.start).abs().amin(dim=1).amax() > 0.01
    assert torch.equal(found(model, prior, seed=3).start[:2], whole.start[3:])


def test_all_lanes_begin_alike(model, prior):
    search = found(model, prior)
    assert torch.equal(search.trace[0, :, 0], search.start_activation)
    torch.testing.assert_close(search.trace[:, :, 0], search.start_activation.expand(3, -1))


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_leaves_no_trace_and_works_in_any_mode(model, prior, context):
    expected = found(model, prior)
    model.train()
    model.layers[0].eval()
    model.layers[0].bias.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with context():
        state, states = torch.get_rng_state(), (random.getstate(), np.random.get_state()[1].copy())
        search = found(model, prior)
        assert torch.equal(state, torch.get_rng_state())
        assert states[0] == random.getstate()
        assert np.array_equal(states[1], np.random.get_state()[1])
    for a, b in zip(search.snapshots, expected.snapshots, strict=True):
        assert torch.equal(a.latent, b.latent)
    assert not search.snapshots[0].latent.is_inference()
    assert all(p.grad is None for part in (model, prior.generator) for p in part.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert (model.training, model.layers[0].training, model.layers[1].training) == (True, False, True)
    assert not model._forward_hooks


def test_latents_and_excerpts_of_inference_mode_are_welcome(model):
    with torch.inference_mode():
        real = torch.randn(4, 1, 6, 8)
        prior = SpectralPrior(real, SOUND)
        start = prior.sample(3, torch.Generator().manual_seed(0))
    search = activation_maximisation(model, Target(0), prior, [Lane(0.1)], SearchSettings((3,)), start=start)
    assert torch.equal(search.start, start)
    assert search.snapshots[0].activation.mean() > search.start_activation.mean()


def test_maximise_minimise_and_reach(model, prior):
    settings = {"snapshots": (60,), "seeds": 4}
    up, down = (found(model, prior, [Lane(0.1)], Target(1, aim=aim), **settings) for aim in ("maximise", "minimise"))
    start = up.start_activation
    assert (up.snapshots[0].activation > start).all()
    assert (down.snapshots[0].activation < start).all()
    level = float(start.mean())
    reach = found(model, prior, [Lane(0.05)], Target(1, aim="reach", level=level, spread=0.1), **settings)
    assert (reach.snapshots[0].activation - level).abs().amax() < 0.05 * (start - level).abs().amax()


def test_stops_each_example_and_keeps_the_best_inside_the_band(model, prior):
    free = found(model, prior, [Lane(0.05)], snapshots=(30,))
    low, high = free.trace[0, :, 10].median().item(), free.trace[0, :, 25].min().item()
    stop = (low + high) / 2 if low < high else low
    band = (stop - 0.3, stop + 0.3)
    search = found(model, prior, [Lane(0.05)], snapshots=(2, 30), keep="band", band=band, stop=stop)
    end, trace = search.of(Lane(0.05), 30), search.trace[0]
    assert search.latent_steps < free.latent_steps
    for i in range(5):
        known = trace[i][trace[i].isfinite()]
        inside = known[(known >= band[0]) & (known <= band[1])]
        assert end.stopped[i] == (known[-1] >= stop)
        if len(inside):
            assert end.activation[i] == pytest.approx(float(inside.max()), abs=1e-6)
        assert trace[i, end.at_step[i]] == end.activation[i]
    assert end.stopped.any()


def test_keeps_as_published_only_what_is_stronger_by_a_tenth(model, prior):
    search = found(model, prior, [Lane(0.01)], snapshots=(20,), keep="best")
    for i in range(5):
        kept = search.trace[0, i, 0].item()
        for value in search.trace[0, i, 1:].tolist():
            kept = value if value >= kept + 0.1 else kept
        assert search.snapshots[0].activation[i] == pytest.approx(kept, abs=1e-6)


def test_a_lane_that_runs_away_hurts_no_other(prior):
    class Explosive(nn.Module):
        def forward(self, x):
            return x.sum(dim=(1, 2, 3))[:, None] / (x.abs().amax(dim=(1, 2, 3)) < 0.999)[:, None]

    lanes = (Lane(0.01), Lane(1000.0))
    search = found(Explosive(), prior, lanes, Target(0))
    assert all(s.activation.isfinite().all() and s.latent.isfinite().all() for s in search.snapshots)
    assert search.of(lanes[1], 12).stopped.all()
    alone = found(Explosive(), prior, lanes[:1], Target(0)).of(lanes[0], 12)
    torch.testing.assert_close(search.of(lanes[0], 12).latent, alone.latent, rtol=0, atol=1e-5)


def test_halving_drops_the_worst_lanes(model, prior):
    lanes = grid((0.5, 0.1, 0.01), (0.0, 0.1, 1.0))
    settings = SearchSettings((2, 4, 6), 3, keep="last", halving=Halving())
    search = activation_maximisation(
        model, Target(0), prior, lanes, settings, rank=lambda found: torch.tensor([s.lane.lr for s in found])
    )
    kept = [[s.lane for s in search.snapshots if s.step == step] for step in (2, 4, 6)]
    assert [len(lanes) for lanes in kept] == [9, 5, 3]
    assert {lane.lr for lane in kept[2]} == {0.01}
    # Evaluations: all lanes up to and with the one at step 2, five up to step 4, three to the end.
    assert search.latent_steps == 3 * (9 * 3 + 5 * 2 + 3 * 1)
    with pytest.raises(InputError, match="dropped"):
        search.of(Lane(0.5), 6)
    with pytest.raises(InputError, match="rank"):
        activation_maximisation(model, Target(0), prior, lanes, settings)


def test_the_published_grid_has_27_settings():
    assert len(published_lanes()) * 3 == 27
    assert grid((1.0, 2.0), (0.5,), (0.0, 0.1))[1] == Lane(1.0, 0.5, 0.1)


def test_refuses_what_cannot_be_meant(model, prior):
    with pytest.raises(InputError, match="no unit 3; the nearest is 2"):
        found(model, prior, target=Target(3))
    with pytest.raises(InputError, match="no such layer"):
        found(model, prior, target=Target(0, "blocks.7"))
    with pytest.raises(InputError, match="2 lanes, 1 different"):
        found(model, prior, [Lane(0.1), Lane(0.1)])
    with pytest.raises(InputError, match=r"prior 'generator' has \(n, 5\)"):
        activation_maximisation(model, Target(0), prior, LANES, start=torch.zeros(2, 6))
    with pytest.raises(InputError, match="no gradient reaches"):
        activation_maximisation(model, Target(0), prior, LANES, SearchSettings((2,)), run=lambda x: model(x).detach())
    with pytest.raises(InputError, match="not finite for samples"):
        activation_maximisation(model, Target(0), prior, LANES, SearchSettings((2,)), run=lambda x: model(x) / 0)
    for wrong in ({"snapshots": (5, 5)}, {"snapshots": ()}, {"seeds": 0}, {"keep": "first"}, {"band": (2.0, 1.0)}):
        with pytest.raises(InputError):
            SearchSettings(**wrong)
    with pytest.raises(InputError, match="lr has to be"):
        Lane(0.0)


def test_the_five_lines_of_the_docstring_run(planted):
    text = activation_maximisation.__doc__.split("notebook:\n\n")[1].split("\n\n")[0]
    lines = textwrap.dedent(text).splitlines()
    assert len(lines) == 5
    used = (SpectralPrior, Sound, Target, choose_excerpts, unit_activations, activation_maximisation, grid)
    space = {thing.__name__: thing for thing in used}
    space |= {name: getattr(planted, name) for name in ("model", "excerpts", "recordings", "seconds")}
    exec("\n".join(lines), space)
    assert space["generated"].shape == (16, *planted.excerpts.shape[1:])
