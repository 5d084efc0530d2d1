from dataclasses import replace

import pytest
import torch

from configs.errors import InputError
from interpretability.generation.activation_maximisation import activation_maximisation
from interpretability.generation.judge import Judge, reduced
from interpretability.generation.kernel_distance import kernel_distance, median_distance
from interpretability.generation.kernel_uncertainty import kernel_band
from interpretability.generation.lane_scores import LaneScore
from interpretability.generation.lanes import Lane
from interpretability.generation.latent_priors import GaussianLatent
from interpretability.generation.listener import Listener
from interpretability.generation.readings import unit_activations
from interpretability.generation.reference import Reference, choose_excerpts
from interpretability.generation.search_settings import SearchSettings
from interpretability.generation.selection import as_published, choose, most_activating
from interpretability.generation.target import Target

NAN = float("nan")


def score(name, excess, half=1.0, **changes):
    fields = dict.fromkeys(LaneScore.__dataclass_fields__, 0.0)
    fields |= {"lane": name, "step": 10, "n": 16, "in_range": True, "excess": excess, "high": excess + half}
    return replace(LaneScore(**fields | {"error": half / 1.645}), **changes)


def test_the_upper_bound_decides_inside_the_range():
    sure, lucky, outside = score("sure", 3, 0.5), score("lucky", 2.9, 4.0), score("far", 0.1, in_range=False)
    assert choose([lucky, outside, sure]).score is sure or choose([lucky, outside, sure]).score is lucky
    worse = replace(lucky, excess=3.4, high=7.4)
    assert choose([worse, outside, sure]).score is sure
    assert choose([outside]).score is outside
    assert "0 of 1 settings" in choose([outside]).reason


def test_ties_go_to_the_prior_then_to_fewer_steps():
    best, near = score("best", 3, 1.0, deviation=2.0), score("near", 3.5, 1.0, deviation=1.0)
    clearly = score("clearly worse", 3.7, 1.0, deviation=0.0)
    found = choose([best, near, clearly])
    assert found.score is near
    assert "near, 10 steps is as good" in found.reason
    early = replace(near, step=5)
    assert choose([best, near, early]).score is early


def test_the_kernel_distance_stands_alone_without_frechet():
    a, b = score("a", NAN, kernel=0.3, kernel_high=0.4), score("b", NAN, kernel=0.1, kernel_high=0.6)
    assert choose([a, b]).score is a
    assert "kernel" in choose([a, b]).reason
    with pytest.raises(InputError, match="none of 2 settings has a frechet score"):
        choose([a, b], by="frechet")


def test_as_published_and_by_activation():
    scores = [score("a", 0, scalar=5.0, median=9.0), score("b", 0, scalar=2.0, median=3.0), score("c", 0, scalar=NAN)]
    assert as_published(scores).lane == "b"
    assert most_activating(scores).lane == "a"
    assert most_activating(scores, lowest=True).lane == "c"


def test_kernel_band_is_the_jackknife():
    random = torch.Generator().manual_seed(0)
    real = torch.randn(12, 3, generator=random, dtype=torch.float64)
    made = torch.randn(9, 3, generator=random, dtype=torch.float64) + 0.5
    width = median_distance(real)
    left = torch.stack([kernel_distance(real, torch.cat([made[:j], made[j + 1 :]]), width) for j in range(9)])
    error = float((8 / 9 * (left - left.mean()).square().sum()).sqrt())
    band = kernel_band(real, made)
    assert band.mean == pytest.approx(float(kernel_distance(real, made)))
    assert band.high - band.mean == pytest.approx(1.645 * error)
    assert kernel_band(torch.ones(5, 2), made[:, :2]).low != kernel_band(torch.ones(5, 2), made[:, :2]).low
    with pytest.raises(InputError, match="at least 3"):
        kernel_band(real, made[:2])


def test_kernel_band_covers_the_null():
    random = torch.Generator().manual_seed(1)
    real = torch.randn(300, 4, generator=random)
    inside = 0
    for _ in range(50):
        band = kernel_band(real, torch.randn(24, 4, generator=random))
        inside += band.low <= 0 <= band.high
    assert 39 <= inside <= 50


def test_features_are_reduced_only_where_excerpts_are_few():
    random = torch.Generator().manual_seed(0)
    real, made = (torch.randn(n, 20, generator=random, dtype=torch.float64) for n in (50, 30))
    few = reduced(real, made)
    assert few[0].shape == (50, 16)
    assert few[1].shape == (30, 16)
    # Axes of the reference: its components are uncorrelated, and distances never grow.
    covariance = few[0].T @ few[0]
    assert (covariance - covariance.diag().diag()).abs().amax() < 1e-9
    assert (torch.cdist(*few) <= torch.cdist(real, made) + 1e-9).all()
    assert reduced(real[:, :2], made[:, :2])[0].shape == (50, 2)


@pytest.fixture(scope="module")
def scene(planted):
    target = Target(0)
    seen = unit_activations(planted.model, target, planted.excerpts)
    reference = choose_excerpts(seen, planted.recordings, planted.seconds, 0.8, share=0.5)
    prior = GaussianLatent(planted.generator, 68, planted.sound, "l2")
    search = activation_maximisation(planted.model, target, prior, [Lane(0.1)], SearchSettings((1, 12), 16))
    return planted, target, seen, reference, prior, search


def test_scores_are_what_they_say(scene):
    planted, target, seen, reference, prior, search = scene
    listener = Listener(planted.model, target, Target(0, "fit"))
    judge = Judge(
        listener, prior, planted.excerpts[reference.places], reference, Listener(planted.twin, target, target)
    )
    first, last = judge.scores(search)
    excerpts = prior.decode(search.snapshots[1].latent)
    activation = planted.model.eval()(excerpts)[:, 0].detach().double()
    real = seen[reference.places].double()
    assert last.median == pytest.approx(float(activation.median()), rel=1e-5)
    gap = (activation.mean() - real.mean()) ** 2 + (activation.std() - real.std()) ** 2
    assert last.scalar == pytest.approx(float(gap), rel=1e-4)
    assert last.mean_gap == pytest.approx(float((activation.mean() - real.mean()) / real.std()), rel=1e-4)
    assert last.low < last.excess < last.high
    assert last.excess == pytest.approx(last.layer - last.floor)
    assert 0 < last.floor < first.layer
    lengths = search.snapshots[1].latent.square().sum(dim=1).mean() - search.start.square().sum(dim=1).mean()
    assert last.deviation == pytest.approx(abs(float(lengths)), rel=1e-3)
    assert last.recognised == float((planted.twin(excerpts).argmax(dim=1) == 0).double().mean())
    ceiling = judge.ceiling(search)
    assert (ceiling.step, ceiling.deviation) == (0, 0)
    assert last.excess < ceiling.excess
    ranks = judge.rank(search.snapshots)
    assert ranks[1] < ranks[0]
    assert ranks.tolist() == pytest.approx([first.kernel, last.kernel])  # halving and choice go by one figure


def test_real_excerpts_score_at_the_floor(scene):
    planted, target, seen, _, prior, _ = scene
    first = Reference(torch.arange(120), seen[:120].double(), planted.recordings[:120])
    judge = Judge(Listener(planted.model, target, Target(0, "fit")), prior, planted.excerpts[:120], first)
    held = planted.excerpts[120:160]

    class Real(GaussianLatent):
        def decode(self, latent):
            return held[latent[:, 0].long()]

    judge.prior = Real(planted.generator, 68, planted.sound)
    latent = torch.arange(24.0)[:, None].expand(-1, 68)
    nothing = torch.zeros(24, dtype=torch.long)
    snapshot = replace(scene[-1].snapshots[0], latent=latent, at_step=nothing)
    found = judge.score(snapshot, 0.0)
    assert found.low < 0 < found.high
    assert found.kernel_low < 0.02
    assert found.density > 0.5
    assert found.transfer != found.transfer


def test_few_recordings_leave_the_kernel_distance(scene):
    planted, target, _, reference, prior, search = scene
    few = replace(reference, recordings=tuple(i % 4 for i in range(reference.n)))
    judge = Judge(Listener(planted.model, target, Target(0, "fit")), prior, planted.excerpts[few.places], few)
    scores = judge.scores(search)
    assert all(s.excess != s.excess and s.kernel == s.kernel for s in scores)
    assert "kernel" in choose(scores).reason
    with pytest.raises(InputError, match=r"3 excerpts for a reference of 120"):
        Judge(judge.listener, prior, planted.excerpts[:3], few)
