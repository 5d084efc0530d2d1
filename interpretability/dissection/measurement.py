"""Everything that naming needs of one layer, gathered in one pass over the clips.

A small layer keeps its values, and one way through the clips serves for both halves. A large one goes through the
naming half first and then, knowing what to ask of each unit, through the scoring half: each clip is still evaluated
once, and memory does not grow with the number of clips but for the few units of the permutation null.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.dissection.binned_scores import BinnedScores
from interpretability.dissection.concepts import Concepts
from interpretability.dissection.dissection import LayerDissection
from interpretability.dissection.halves import Halves, positives
from interpretability.dissection.naming import POLES, Candidates, NamingRules, candidates, names_of
from interpretability.dissection.permutation_null import NullSample
from interpretability.dissection.polysemanticity import polysemanticity
from interpretability.dissection.read_out import Bounds, Reading
from interpretability.dissection.scores import Scores, exact_scores
from interpretability.dissection.unit_blocks import unit_blocks
from interpretability.dissection.unit_statistics import UnitAccumulator, still

GROUP_BYTES = 140 << 20
"""What the sums of all groups of clips of a layer may take; they decide the number of groups."""
GROUPS = (4, 20)
"""Groups of the naming half at least and at most."""
NULL_BYTES = 16 << 20
"""What the values of the units of the null may take."""

State = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked of every layer: the clips' concepts, their halves, how many top clips to keep, and the rules."""

    concepts: Concepts
    halves: Halves
    positive: Tensor
    k: int
    seed: int
    rules: NamingRules

    @classmethod
    def of(cls, concepts: Concepts, halves: Halves, k: int, seed: int, rules: NamingRules) -> "Question":
        """Return the question with the clips that have each concept (N, M).

        Raises:
            InputError: Halves of another number of clips, a half without clips, or fewer than two top clips.
        """
        naming = int(halves.naming.sum())
        if len(halves.place) != concepts.n_clips or naming < 2 or concepts.n_clips - naming < 2:
            raise InputError(
                f"the halves name with {naming} of {len(halves.place)} clips, the concepts have {concepts.n_clips}; "
                "both halves need two clips or more"
            )
        if k < 2:
            raise InputError(f"k={k}: keep at least two clips of each unit")
        return cls(concepts, halves, positives(concepts), k, seed, rules)


class LayerMeasurement:
    """One layer while the clips stream by.

    Attributes:
        keep: whether the values of all clips are kept; otherwise the naming half has to come first.
    """

    def __init__(self, layer: str, question: Question, n_units: int, keep: bool) -> None:
        self.layer, self.keep, self._question = layer, keep, question
        concepts = question.concepts
        sums = n_units * len(concepts) * 8 * (1 if concepts.observed is None else 3)
        self.n_groups = min(max(GROUP_BYTES // max(sums, 1) - 1, GROUPS[0]), GROUPS[1])
        self._groups = question.halves.groups(self.n_groups)
        self._gathered: UnitAccumulator | None = None
        self._found: Candidates | None = None
        self._binned: BinnedScores | None = None
        self._sampled: Tensor | None = None
        self._values: Tensor | None = None
        self._clips = torch.zeros(0, dtype=torch.long)
        self._count = 0

    def update(self, reading: Reading, index: Tensor) -> None:
        """Take what was read of the clips at positions `index` (B,)."""
        concepts, values, at = self._question.concepts, reading.values, index.cpu()
        device = values.device
        scores = concepts.scores[at].to(device)
        known = None if concepts.observed is None else concepts.observed[at].to(device)
        if self._gathered is None:
            n_groups = self.n_groups + 1 if self._found is None else 2
            k = min(self._question.k, concepts.n_clips)
            self._gathered = UnitAccumulator(values, concepts.scores, n_groups, k, known is not None)
        group = self._groups[at].to(device)
        self._gathered.update(reading, index, scores, known, group if self._found is None else torch.ones_like(group))
        if self._binned is not None:
            self._binned.update(values, self._question.positive[at].to(device), known)
        if self.keep:
            self._remember(values, at)
        elif self._found is not None:
            self._remember(values[:, self._sampled], at)

    @property
    def bounds(self) -> Bounds | None:
        """What a value has to reach so that its clip is kept; None before the first batch."""
        return None if self._gathered is None else self._gathered.bounds

    def state(self) -> State:
        """Return what this process has gathered so far, as tensors; {} if it has seen no clip."""
        state = {} if self._gathered is None else self._gathered.state()
        state |= self._kept()
        return state if self._binned is None else state | {"binned": self._binned.counts}

    def _remember(self, values: Tensor, clips: Tensor) -> None:
        """Keep values (B, V) of some clips, in one table: small ones between large would scatter the memory."""
        if self._values is None:
            naming = self._question.halves.naming
            rows = len(naming) if self.keep else int((~naming).sum())
            self._values, self._clips = values.new_empty(rows, values.shape[1]), torch.empty(rows, dtype=torch.long)
        end = self._count + len(clips)
        if end > len(self._clips):
            raise InputError(f"the probe set yields more clips than the {self._question.concepts.n_clips} it names")
        self._values[self._count : end], self._clips[self._count : end] = values, clips
        self._count = end

    def _kept(self) -> State:
        """Values and positions of the clips that were kept; {} of none."""
        if self._values is None:
            return {}
        return {"values": self._values[: self._count], "clips": self._clips[: self._count]}

    def begin_scoring(self, states: Sequence[State] | None = None) -> None:
        """Choose the candidates from the `state` of all processes, after the naming half or, if kept, all clips.

        Without `states` this process is alone.

        Raises:
            InputError: No process has seen a clip.
        """
        joined = self._joined(states)
        low, high = joined.histogram.low, joined.histogram.high
        alive = ~still(low, high)
        self._found = candidates(joined.moments.first(self.n_groups), alive, self._question.seed)
        self._sampled = self._units_of_the_null(alive)
        if self._gathered is not None:
            scoring = (torch.arange(self.n_groups + 1) == self.n_groups).long()
            self._gathered.moments = self._gathered.moments.regrouped(scoring)
        if not self.keep:
            self._binned = BinnedScores(*joined.moments.moments(), low >= 0, self._found.concept)

    def finish(self, read_out: str, states: Sequence[State] | None = None) -> LayerDissection:
        """Return what is found, from the `state` of all processes after both halves and `begin_scoring`.

        Without `states` this process is alone. What it has gathered is gone afterwards.

        Raises:
            InputError: The clips that were seen are not those of the concepts.
        """
        assert self._found is not None, "candidates are chosen first"  # noqa: S101
        joined, question = self._joined(states), self._question
        n_clips = int(joined.moments.count)
        if n_clips != question.concepts.n_clips:
            raise InputError(f"the probe set yields {n_clips} of its {question.concepts.n_clips} clips")
        kept = [self._kept()] if states is None else states
        clips = torch.cat([state["clips"] for state in kept if "clips" in state])
        values = torch.cat([state["values"] for state in kept if "values" in state])
        ordered = clips.argsort()
        clips, values = clips[ordered], values[ordered.to(values.device)]
        self._values, kept = None, []
        if self.keep:
            scoring = ~question.halves.naming[clips]
            clips, values = clips[scoring], values[scoring.to(values.device)]
        scores = self._exact(clips, values) if self.keep else self._from_bins(states)
        self._binned = None  # the largest table; what follows makes others
        r = joined.moments.correlation(torch.tensor([[0.0, 1.0]], device=values.device))[0]
        statistics = joined.result(self.layer, read_out)
        del joined
        self._gathered = None
        known = None if question.concepts.observed is None else question.concepts.observed[clips].to(values.device)
        sampled = values[:, self._sampled] if self.keep else values
        sample = NullSample(sampled, question.concepts.scores[clips].to(values.device), known)
        names = names_of(statistics, self._found, r, scores, sample, question.rules, question.seed)
        n_units = statistics.n_units
        driving = torch.cat([statistics.top.clips, statistics.bottom.clips[names.unit[n_units:]]])
        vectors = question.concepts.scores.masked_fill(~question.concepts.known, torch.nan).to(values.device)
        spread = polysemanticity(vectors, driving, question.seed)
        return LayerDissection(statistics, names, spread)

    def _joined(self, states: Sequence[State] | None) -> UnitAccumulator:
        """What all processes have gathered; this one's own where it is alone."""
        if states is None and self._gathered is not None:
            return self._gathered
        seen = [UnitAccumulator.of_state(state) for state in states or () if "top.keys" in state]
        if not seen:
            raise InputError("the probe set is empty: it yields no clip")
        for other in seen[1:]:
            seen[0].merge(other)
        return seen[0]

    def _units_of_the_null(self, alive: Tensor) -> Tensor:
        """Units (V,), drawn from those that vary, in ascending order."""
        units = alive.nonzero().flatten()
        scoring = self._question.concepts.n_clips - int(self._question.halves.naming.sum())
        count = min(self._question.rules.null_units, max(NULL_BYTES // (4 * scoring), 8), len(units))
        drawn = torch.randperm(len(units), generator=torch.Generator().manual_seed(self._question.seed))[:count]
        return units[drawn.sort().values.to(units.device)]

    def _share(self) -> Tensor:
        """Share (U, 2) of the naming half that has each candidate: so many clips a pole marks."""
        assert self._found is not None  # noqa: S101
        naming = self._question.halves.naming
        known = self._question.concepts.known[naming].sum(dim=0)
        share = self._question.positive[naming].sum(dim=0) / known.clamp_min(1)
        return share.to(self._found.concept.device)[self._found.concept.clamp_min(0)]

    def _exact(self, clips: Tensor, values: Tensor) -> Scores:
        """Scores (U, 2) of kept values (n, U) of the scoring half."""
        assert self._found is not None  # noqa: S101
        positive = self._question.positive[clips].to(values.device)
        observed = self._question.concepts.observed
        known = None if observed is None else observed[clips].to(values.device)
        share, blocks = self._share(), []
        for block in unit_blocks(values.shape[1], 8 * len(values)):
            poles = []
            for place, pole in enumerate(POLES):
                concept = self._found.concept[block, place].clamp_min(0)
                counted = None if known is None else known[:, concept]
                poles.append(exact_scores(pole * values[:, block], positive[:, concept], counted, share[block, place]))
            blocks.append([torch.stack(pair, dim=1) for pair in zip(*poles, strict=True)])
        return Scores(*(torch.cat(parts) for parts in zip(*blocks, strict=True)))

    def _from_bins(self, states: Sequence[State] | None) -> Scores:
        assert self._binned is not None  # noqa: S101
        if states is not None:
            self._binned.counts = torch.stack([state["binned"] for state in states]).sum(dim=0, dtype=torch.int32)
        return self._binned.result(self._share())
