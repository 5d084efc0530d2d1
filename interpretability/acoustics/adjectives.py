"""Calibrated words: which adjectives the measured sound of a unit's strongest clips earns against matched controls.

Section 6.2 of the dissection sheet. A word needs a large effect that is no accident on half A of the probe set, and
the same sign on half B. It takes no language model, and can end in no word at all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from configs.errors import InputError
from interpretability.acoustics.descriptors import DESCRIPTORS
from interpretability.acoustics.matched_effects import DRAWS, PooledNull, matched_effects, n_shuffles, shuffles
from interpretability.acoustics.rank_correlation import percentiles
from interpretability.acoustics.strata import similar_clips
from interpretability.dissection.false_discovery import benjamini_hochberg

LARGE_EFFECT = 0.474
"""Cliff's delta from which an effect counts as large (Romano et al. 2006)."""
FALSE_DISCOVERY = 0.01
"""Share of words that may be accidents."""
DEFINED = 0.5
"""Share of a unit's tops that must define a descriptor: a pitch of a few says nothing about the many without."""
FEWEST_TO_CONFIRM = 2
"""Tops that half B needs."""
BLOCK = 1 << 21
"""Units times clips that are worked on at once."""
EXTREME = 0.1
"""Percentile from either end at which a word becomes "very"."""
Match = Literal["classes", "descriptors", "none"]


class MeasuredWord(NamedTuple):
    """An adjective, the descriptor that it comes from, Cliff's delta on half A and its Benjamini-Hochberg level."""

    text: str
    descriptor: str
    delta: float
    q: float


@dataclass(frozen=True, eq=False)
class UnitWords:
    """What the descriptors say of U units; arrays (U, D) float32, columns in the order of `names`.

    `delta` is Cliff's delta of the top clips against the controls in half A, in [-1, 1], `delta_b` in half B; `p` comes
    from permutations, `q` from Benjamini-Hochberg over units x descriptors. `percentile` (0 to 1) is where the median
    of the top clips stands in the probe set. `kept` says which effects are words. NaN where not defined or not tested.
    """

    names: tuple[str, ...]
    delta: Tensor
    delta_b: Tensor
    p: Tensor
    q: Tensor
    percentile: Tensor
    kept: Tensor

    def words(self, unit: int) -> tuple[MeasuredWord, ...]:
        """The adjectives of one unit, strongest first; what repeats or contradicts a stronger one is left out."""
        delta = self.delta[unit]
        found: list[MeasuredWord] = []
        said: set[str] = set()
        for column in delta.abs().nan_to_num(-1.0).argsort(descending=True, stable=True).tolist():
            name = self.names[column]
            adjective = DESCRIPTORS[name].high if delta[column] > 0 else DESCRIPTORS[name].low
            if not self.kept[unit, column] or adjective is None or said & {adjective, *_OPPOSITES.get(adjective, ())}:
                continue
            said.add(adjective)
            place = float(self.percentile[unit, column])
            very = place >= 1 - EXTREME if delta[column] > 0 else place <= EXTREME
            text = f"very {adjective}" if very else adjective
            found.append(MeasuredWord(text, name, float(delta[column]), float(self.q[unit, column])))
        return tuple(found)


def _opposites() -> dict[str, set[str]]:
    """Adjective -> those at the other end of any descriptor that has it."""
    found: dict[str, set[str]] = {}
    for descriptor in DESCRIPTORS.values():
        if descriptor.low is not None and descriptor.high is not None:
            found.setdefault(descriptor.low, set()).add(descriptor.high)
            found.setdefault(descriptor.high, set()).add(descriptor.low)
    return found


_OPPOSITES = _opposites()


def unit_words(
    descriptors: Mapping[str, Tensor],
    top: Tensor,
    in_a: Tensor,
    classes: Tensor | None = None,
    match: Match = "classes",
    draws: int = DRAWS,
    seed: int = 0,
) -> UnitWords:
    """Words of U units from their top clips (U, K), positions in the probe set, -1 for none.

    Args:
        descriptors: values (N,) of the probe set by name, NaN where undefined (`descriptors.describe`).
        top: the clips that drive a unit most; those of each half are tested in it.
        in_a: (N,) bool, True in half A, on which words are found; the others confirm them.
        classes: (N,) labels.
        match: controls have the tops' mix of "classes", are alike in the other "descriptors", or are all clips
            ("none"; also where there are no classes).
        draws: from the null for each descriptor, units together.
        seed: of the permutations.

    Raises:
        InputError: if a descriptor is not known, or shapes do not fit.
    """
    names, table = _table(descriptors, top, in_a, classes)
    top, in_a = top.to(table.device), in_a.to(table.device)
    stratum = torch.zeros(len(table), dtype=torch.int64, device=table.device)
    if match == "classes" and classes is not None:
        stratum = torch.unique(classes.to(table.device), return_inverse=True)[1]
    shape = (len(top), len(names))
    delta, delta_b, p = (torch.full(shape, torch.nan, dtype=torch.float64, device=table.device) for _ in range(3))
    shuffled: dict[bytes, Tensor] = {}
    for column, name in enumerate(names):
        values = table[:, column]
        if match == "descriptors":
            stratum = similar_clips(table, column)
        marked = _Marked(top, in_a, ~values.isnan())
        half = marked.known & in_a
        key = half.cpu().numpy().tobytes() + stratum[half].cpu().numpy().tobytes()
        if key not in shuffled:  # descriptors that miss the same clips share their shuffles
            shuffled[key] = shuffles(stratum[half], n_shuffles(len(top), draws), seed)
        null, z = PooledNull(shuffled[key]), torch.full_like(p[:, 0], torch.nan)
        for units, in_first, in_second in marked.blocks():
            effects = matched_effects(values[half], stratum[half], in_first)
            delta[units, column], z[units] = effects.delta, effects.z
            null.add(effects)
            other = marked.known & ~in_a
            delta_b[units, column] = matched_effects(values[other], stratum[other], in_second, FEWEST_TO_CONFIRM).delta
        if DESCRIPTORS[name].low or DESCRIPTORS[name].high:
            p[:, column] = null.p(z)
    q = benjamini_hochberg(p.flatten()).view_as(p)
    kept = (delta.abs() >= LARGE_EFFECT) & (q <= FALSE_DISCOVERY) & (delta * delta_b > 0)
    place = _middle(percentiles(table), top)
    return UnitWords(names, delta.float(), delta_b.float(), p.float(), q.float(), place.float(), kept)


class _Marked:
    """Which clips are a unit's tops, a block of units at a time, among those that define a descriptor."""

    def __init__(self, top: Tensor, in_a: Tensor, known: Tensor) -> None:
        self.top, self.in_a, self.known = top, in_a, known

    def blocks(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Yield units and their tops (u, n) among the known clips of half A and of half B.

        A unit of whose tops in half A most do not define the descriptor has none.
        """
        n_clips = len(self.known)
        step = max(1, BLOCK // n_clips)
        for first in range(0, len(self.top), step):
            rows = self.top[first : first + step]
            is_top = torch.zeros(len(rows), n_clips + 1, dtype=torch.bool, device=rows.device)
            is_top = is_top.scatter_(1, torch.where(rows >= 0, rows, n_clips), True)[:, :-1]
            enough = (is_top & self.known & self.in_a).sum(dim=1) >= DEFINED * (is_top & self.in_a).sum(dim=1)
            is_top &= enough[:, None]
            yield slice(first, first + step), is_top[:, self.known & self.in_a], is_top[:, self.known & ~self.in_a]


def _table(
    descriptors: Mapping[str, Tensor], top: Tensor, in_a: Tensor, classes: Tensor | None
) -> tuple[tuple[str, ...], Tensor]:
    """Names and values (N, D) of descriptors, checked."""
    unknown = sorted(set(descriptors) - set(DESCRIPTORS))
    if unknown or not descriptors:
        raise InputError(f"words: descriptors {unknown} are not known" if unknown else "words: no descriptors")
    n_clips = len(in_a)
    columns = [values.reshape(-1) for values in descriptors.values()]
    if any(len(values) != n_clips for values in columns) or (classes is not None and len(classes) != n_clips):
        raise InputError(f"words: descriptors and classes must have one value for each of the {n_clips} clips")
    if top.ndim != 2 or (top >= n_clips).any():
        raise InputError(
            f"words: top clips (U, K) are positions below {n_clips}, not {tuple(top.shape)} up to {top.max()}"
        )
    return tuple(descriptors), torch.stack(columns, dim=1).double()


def _middle(place: Tensor, top: Tensor) -> Tensor:
    """Median (U, D) of percentiles (N, D) over the top clips (U, K)."""
    rows = place[top.clamp_min(0)]
    return torch.where((top >= 0)[..., None], rows, torch.nan).nanquantile(0.5, dim=1)


def level_word(percentile: float) -> str:
    """Name of a percentile (0 to 1) of the probe set: very low to .1, low to .3, high from .7, very high at .9."""
    for word, limit in (("very low", EXTREME), ("low", 0.3)):
        if percentile <= limit:
            return word
    for word, limit in (("very high", 1 - EXTREME), ("high", 0.7)):
        if percentile >= limit:
            return word
    return "medium"


def compose(words: Sequence[str], labels: Sequence[str] = ()) -> str:
    """One line from adjectives and labels: "high-pitched, tonal, decaying; bells"; "no label" if there are neither."""
    parts = [", ".join(words), ", ".join(labels)]
    return "; ".join(part for part in parts if part) or "no label"
