"""The steps of a search: every row of the batch is one example of one lane, and rows never meet."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.generation.kept_examples import KeptExamples
from interpretability.generation.lanes import Lane, LaneAdam
from interpretability.generation.prior import Prior, kept
from interpretability.generation.readings import Readings
from interpretability.generation.search_result import Search, Snapshot
from interpretability.generation.search_settings import SearchSettings
from interpretability.generation.target import Target
from interpretability.generation.transforms import DRAWS, shifted

Rank = Callable[[Sequence[Snapshot]], Tensor]
"""Scores (L,) of the snapshots of one step, lower is better; what halving goes by."""


class LaneSearch:
    """State of one search: rows are lane by lane, example by example."""

    def __init__(
        self,
        reader: Readings,
        target: Target,
        prior: Prior,
        lanes: tuple[Lane, ...],
        settings: SearchSettings,
        device: torch.device,
    ) -> None:
        self.reader, self.target, self.prior, self.lanes, self.settings = reader, target, prior, lanes, settings
        self.device, self.work = device, 0

    def search(
        self, start: Tensor | None, rank: Rank | None, watch: Callable[[int, int], None] | None = None
    ) -> Search:
        """Go through all steps; `start`, `rank` and `watch` as in `activation_maximisation`.

        Raises:
            InputError: Latents of another shape, or a unit without an activation or a gradient.
        """
        first, draws = self._begin(start)
        n, n_lanes, steps = len(first), len(self.lanes), self.settings.snapshots[-1]
        latent = first.repeat(n_lanes, *[1] * (first.ndim - 1)).to(self.device)
        settings = torch.tensor([[lane.lr, lane.weight, lane.transform] for lane in self.lanes]).repeat_interleave(n, 0)
        lr, self.weight, self.strength = settings.to(self.device).unbind(dim=1)
        adam, held = LaneAdam(latent, lr), self._nothing_kept(latent)
        trace = torch.full((n_lanes * n, steps + 1), torch.nan)
        alive = torch.ones(n_lanes * n, dtype=torch.bool, device=self.device)
        found: list[Snapshot] = []
        for step in range(steps + 1):
            rows = (alive & ~held.stopped).nonzero().flatten()
            shift = draws[:, step].repeat(n_lanes, 1).to(self.device)
            activation, gradient = self._slope(latent[rows], rows, shift, step < steps)
            if step == 0 and not bool(activation.isfinite().all()):
                raise InputError(f"{self.target.name}: its activation is not finite for samples of {self.prior.name}")
            trace[rows.cpu(), step] = activation.float().cpu()
            held.offer(rows, latent[rows], activation, self.weight[rows] * self.prior.log_prior(latent[rows]), step)
            if step in self.settings.snapshots:
                taken = [self._snapshot(held, i, n, step) for i in range(n_lanes) if bool(alive[i * n])]
                found += taken
                self._halve(taken, alive, step, rank)
            if watch is not None:
                watch(self.work, n_lanes * n * steps)
            going = alive[rows] & ~held.stopped[rows]
            if step < steps and bool(going.any()):
                rows = rows[going]
                latent[rows] = self.prior.project(adam.ascend(latent[rows], gradient[going], rows))
        activations = trace.reshape(n_lanes, n, -1)
        return Search(self.target, self.prior, first, activations[0, :, 0], tuple(found), activations, self.work)

    def _begin(self, start: Tensor | None) -> tuple[Tensor, Tensor]:
        """Latents (n, ...) and random numbers (n, steps + 1, 2); example i has a random stream of its own."""
        n = self.settings.seeds if start is None else len(start)
        latents, draws = [], []
        for i in range(n):
            random = torch.Generator().manual_seed(self.settings.seed + i)
            latents.append(self.prior.sample(1, random))
            draws.append(torch.rand(self.settings.snapshots[-1] + 1, DRAWS, generator=random) * 2 - 1)
        if start is None:
            return torch.cat(latents), torch.stack(draws)
        if tuple(start.shape[1:]) != tuple(self.prior.latent_shape) or not n:
            raise InputError(
                f"starting latents of shape {tuple(start.shape)}: prior '{self.prior.name}' has "
                f"(n, {', '.join(map(str, self.prior.latent_shape))})"
            )
        return kept(start).cpu(), torch.stack(draws)

    def _slope(self, latent: Tensor, rows: Tensor, draws: Tensor, wanted: bool) -> tuple[Tensor, Tensor]:
        """Activations (r,) without jitter, and gradients of J with it (r, ...)."""
        activations, gradients = [latent.new_zeros(0)], [latent[:0]]
        if not len(latent):
            return activations[0], gradients[0]
        size = self.settings.chunk or len(latent)
        for part, of in zip(torch.split(latent, size), torch.split(rows, size), strict=True):
            jittered = wanted and bool((self.strength[of] > 0).any())
            if not wanted or jittered:
                activations.append(self._activation(self.prior.decode(part)))
            if wanted:
                with torch.enable_grad():
                    z = part.clone().requires_grad_()
                    sound = shifted(self.prior.decode(z), self.prior.sound, self.strength[of], draws[of])
                    activation = self._activation(sound)
                    if not activation.requires_grad:
                        raise InputError(f"{self.target.name}: no gradient reaches it from the network's input")
                    total = self.target.objective(activation) + self.weight[of] * self.prior.log_prior(z)
                    gradients.append(torch.autograd.grad(total.sum(), z)[0])
                self.work += len(part)
                if not jittered:
                    activations.append(activation.detach())
        return torch.cat(activations), torch.cat(gradients)

    def _activation(self, sound: Tensor) -> Tensor:
        return self.reader.read(sound)["unit"][:, self.target.number]

    def _nothing_kept(self, latent: Tensor) -> KeptExamples:
        return KeptExamples(latent, self.target, self.settings.keep, self.settings.band, self.settings.stop)

    def _snapshot(self, held: KeptExamples, lane: int, n: int, step: int) -> Snapshot:
        rows = slice(lane * n, (lane + 1) * n)
        latent, activation, at, stopped = (
            part[rows].clone().cpu() for part in (held.latent, held.activation, held.at_step, held.stopped)
        )
        return Snapshot(self.lanes[lane], step, latent, activation, at, stopped)

    def _halve(self, taken: list[Snapshot], alive: Tensor, step: int, rank: Rank | None) -> None:
        """Drop lanes after the first snapshots, never after the last."""
        halving, place = self.settings.halving, self.settings.snapshots.index(step)
        if halving is None or rank is None or place >= min(halving.snapshots, len(self.settings.snapshots) - 1):
            return
        stays = {taken[int(i)].lane for i in halving.stays(rank(taken))}
        n = len(alive) // len(self.lanes)
        for i, lane in enumerate(self.lanes):
            if lane not in stays:
                alive[i * n : (i + 1) * n] = False
