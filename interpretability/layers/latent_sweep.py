"""Moving one latent variable with all others frozen, from many starting points: what it does in every layer.

The paper looks at single sweeps by eye. Here each effect has an interval over at least 64 starting points, and stands
beside that of a random other variable moved exactly as far: a generator answers any push, and only what the chosen
variable does beyond that is its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from configs.errors import InputError
from interpretability.layers.effects import DoseEffect, Estimate, dose_effect, estimate, mean_band
from interpretability.layers.generator_run import SOUND, check_latents, generator_clocks, run_generator
from interpretability.layers.range_guard import RangeGuard, range_guard
from interpretability.layers.series import Reduction
from interpretability.layers.time_base import TimeBase

Band = tuple[Tensor, Tensor, Tensor]
"""Mean over starting points and its 95 % interval, low and high."""
BASES = 64
"""Starting points without which a sweep says little."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """Series of the layers at K starting points and S settings, of the chosen latents and of random ones."""

    latents: tuple[int, ...]
    path: Tensor
    """(S, k) values of the k moved latents."""
    series: Mapping[str, Tensor]
    """(K, S, T) of each layer, the sound as "sound"."""
    control: Mapping[str, Tensor]
    """The same with k random other latents moved from the same places as far; other ones for each starting point."""
    clocks: Mapping[str, TimeBase]
    guard: RangeGuard

    @property
    def values(self) -> Tensor:
        """Return how far each setting is along the path (S,); of one latent, its value."""
        if self.path.shape[1] == 1:
            return self.path[:, 0]
        steps = (self.path[1:] - self.path[:-1]).norm(dim=1)
        return torch.cat([steps.new_zeros(1), steps.cumsum(0)])


@dataclass(frozen=True, eq=False)
class LatentEffect:
    """What the latent does to one layer, in a stretch of time or all of it."""

    layer: str
    curve: Tensor
    """(S, T) mean change of the series from that at the first setting."""
    low: Tensor
    """(S, T) its 95 % interval over starting points."""
    high: Tensor
    level: DoseEffect
    """Root mean square of the series inside the stretch, against the setting: slope, half-effect value."""
    change: Estimate
    """Root mean square change inside the stretch from the first to the last setting."""
    random_change: Estimate
    """That of random latents moved as far."""
    against_random: Estimate
    """log2 of the first over the second at each starting point: 1 is twice as much, 0 no more than any other latent."""
    inside_outside: Estimate
    """log2 of the change inside over that outside of the stretch; NaN where the stretch is all."""
    growth: Band
    """Root mean square change inside the stretch from the first setting to each (S,), with its interval."""
    random_growth: Band
    """That of random latents."""


def sweep(
    generator: nn.Module,
    layers: Sequence[str],
    bases: Tensor,
    latents: Sequence[int],
    path: Tensor,
    reduction: Reduction = "mean",
    latent_range: tuple[float, float] = (-1.0, 1.0),
    batch_size: int = 64,
    seed: int = 0,
    fewest: int = BASES,
    others: Sequence[int] | None = None,
) -> Sweep:
    """Run a generator along a path of some latents.

    Args:
        generator: from latents (B, Z) to sounds (B, N) or (B, 1, N).
        layers: dotted paths.
        bases: starting points (K, Z); what is moved is overwritten.
        latents: which are moved, from 0.
        path: their values at each setting, (S,) for one latent or (S, k).
        reduction: what is kept of each layer.
        latent_range: of the values in training, for the guard.
        batch_size: sounds made at a time.
        seed: of the random latents.
        fewest: starting points that are asked for.
        others: latents that may be moved as the random ones, such as those that are no codes; all others if None.

    Raises:
        InputError: Fewer starting points, latents of the wrong size or that do not exist, no other latent to compare.
    """
    check_latents(bases, latents)
    path = path[:, None] if path.ndim == 1 else path
    if path.ndim != 2 or path.shape[1] != len(latents) or len(path) < 2:
        raise InputError(
            f"a path of {len(latents)} latents has shape (settings, {len(latents)}), not {tuple(path.shape)}"
        )
    if len(bases) < fewest:
        raise InputError(
            f"a sweep from {len(bases)} starting points says little: give at least {fewest}, or lower `fewest`"
        )
    k, s = len(bases), len(path)
    chosen = torch.tensor(list(latents)).expand(k, -1)
    free = [latent for latent in (range(bases.shape[1]) if others is None else others) if latent not in latents]
    beside = _others(free, k, len(latents), seed)
    settings = torch.cat([_moved(bases, chosen, path), _placed(bases, chosen, beside, path)])
    run = run_generator(generator, layers, settings.flatten(0, 1), reduction, batch_size)
    shaped = {layer: values.view(2, k, s, -1) for layer, values in run.series.items()}
    clocks = generator_clocks(generator, layers, bases)
    usual = run_generator(generator, layers, bases, reduction, batch_size).series
    guard = range_guard({layer: values[0] for layer, values in shaped.items()}, usual, path, latent_range)
    series, control = ({layer: values[i] for layer, values in shaped.items()} for i in range(2))
    return Sweep(tuple(latents), path, series, control, clocks, guard)


def latent_effects(
    found: Sweep, sample_rate: float, stretch: tuple[float, float] | None = None, draws: int = 2000, seed: int = 0
) -> list[LatentEffect]:
    """Return the effect on each layer, the sound last.

    Args:
        found: what `sweep` returned.
        sample_rate: of the sound, Hz.
        stretch: start and end in seconds of where the effect is looked for, such as the fricative; all if None.
        draws: of the bootstrap over starting points.
        seed: of the bootstrap.

    Raises:
        InputError: No step of a layer lies inside the stretch.
    """
    out = []
    for layer in (*(name for name in found.series if name != SOUND), SOUND):
        series = found.series[layer].double()
        inside = _inside(layer, found.clocks[layer], series.shape[-1], sample_rate, stretch)
        curve, low, high = mean_band(series - series[:, :1])
        level = series[..., inside].square().mean(dim=-1).sqrt()
        ends = series[:, -1] - series[:, 0]
        control = found.control[layer].double()
        change, random = _rms(ends[:, inside]), _rms((control[:, -1] - control[:, 0])[:, inside])
        grown = tuple(mean_band(_rms((values - values[:, :1])[..., inside])) for values in (series, control))
        outside = _rms(ends[:, ~inside]) if not inside.all() else torch.full_like(change, torch.nan)
        measured = (change, random, _log2(change, random), _log2(change, outside))
        whole, beside, against, inner = (estimate(values, draws, seed) for values in measured)
        doses = dose_effect(level, found.values, draws, seed)
        out.append(LatentEffect(layer, curve, low, high, doses, whole, beside, against, inner, grown[0], grown[1]))
    return out


def _moved(bases: Tensor, which: Tensor, path: Tensor) -> Tensor:
    """Return the latents (K, S, Z) in which columns `which` (K, k) of each row are set to the path (S, k)."""
    out = bases[:, None].repeat(1, len(path), 1)
    index = which[:, None].expand(-1, len(path), -1).to(bases.device)
    return out.scatter(2, index, path.to(bases)[None].expand(len(bases), -1, -1))


def _placed(bases: Tensor, chosen: Tensor, beside: Tensor, path: Tensor) -> Tensor:
    """Return as `_moved` the latents in which `beside` go along the path while those chosen stay at its first point."""
    still = bases.clone()
    still[:, chosen[0]] = path[0].to(bases)
    return _moved(still, beside, path)


def _others(free: Sequence[int], rows: int, count: int, seed: int) -> Tensor:
    """Return `count` latents of those that are free for each row (K, count), at random."""
    if len(free) < count:
        raise InputError(f"{count} latents are moved and {len(free)} others can be: too few are left to compare with")
    random, others = torch.Generator().manual_seed(seed), torch.tensor(list(free))
    return torch.stack([others[torch.randperm(len(others), generator=random)[:count]] for _ in range(rows)])


def _inside(layer: str, of: TimeBase, steps: int, sample_rate: float, stretch: tuple[float, float] | None) -> Tensor:
    at = of.seconds(steps, sample_rate)
    inside = torch.ones(steps, dtype=torch.bool) if stretch is None else (at >= stretch[0]) & (at <= stretch[1])
    if not inside.any():
        raise InputError(f"layer '{layer}' has no step between {stretch} s: it is too slow, or the stretch too short")
    return inside


def _rms(values: Tensor) -> Tensor:
    return values.square().mean(dim=-1).sqrt()


def _log2(first: Tensor, second: Tensor) -> Tensor:
    """Return log2 of a ratio, with a floor of a millionth of the larger, so that nothing at all stays finite."""
    floor = 1e-6 * torch.maximum(first, second).where(second.isfinite(), first)
    defined = floor > 0
    ratio = torch.log2((first + floor) / (second + floor).where(defined, torch.ones_like(first)))
    return torch.where(defined | second.isnan(), ratio, torch.zeros_like(ratio))
