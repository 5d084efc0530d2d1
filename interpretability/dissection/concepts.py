"""Concepts: what a unit may respond to, as one score for each clip of the probe set and concept."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from configs.errors import InputError

Kind = Literal["binary", "probability", "score"]
"""Whether scores are 0 or 1, lie in [0, 1], or are any real numbers."""


@dataclass(frozen=True, eq=False)
class Concepts:
    """M concepts on the N clips of a probe set.

    A single concept that is the same on every clip is kept, so that names and columns stay those of the data set, and
    listed in `constant`: no unit can be named after it. If all of them are, the probe set cannot tell anything apart.

    Attributes:
        names: of the M concepts, unique.
        scores: (N, M) float32 on the CPU, in the order of the probe set; 0 where a label is not observed.
        kind: what the scores are.
        source: where they come from: "labels", "descriptors", "clap", "captions", ...
        observed: (N, M) bool, which scores are known, for partially labelled sets; None when all are.
        problem: why clips have no scores though they should, in a sentence; empty if all went well.

    Raises:
        InputError: No clips or no concepts, names that are repeated or empty, shapes that do not agree, observed scores
            that are not finite or not of their kind, or not one concept that differs between clips.
    """

    names: tuple[str, ...]
    scores: Tensor
    kind: Kind
    source: str
    observed: Tensor | None = None
    problem: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        check_names(self.names, self.source)
        check_shape(self)
        scores = self.scores.detach().float().cpu()
        observed = None if self.observed is None else self.observed.detach().bool().cpu()
        if observed is not None and bool(observed.all()):
            observed = None
        object.__setattr__(self, "observed", observed)
        object.__setattr__(self, "scores", scores if observed is None else scores.masked_fill(~observed, 0.0))
        check_values(self)
        if len(self.constant) == len(self.names):
            raise InputError(
                f"concepts from {self.source}: {alike(self)}; "
                "the probe set needs clips that differ in at least one concept"
            )

    def __len__(self) -> int:
        return len(self.names)

    @property
    def n_clips(self) -> int:
        """Number of clips N."""
        return int(self.scores.shape[0])

    @property
    def known(self) -> Tensor:
        """(N, M) bool: which scores are observed; all of them where `observed` is None."""
        return torch.ones_like(self.scores, dtype=torch.bool) if self.observed is None else self.observed

    @property
    def constant(self) -> tuple[str, ...]:
        """Names of the concepts whose observed scores are the same on every clip, or observed on none."""
        known = self.known
        low = self.scores.masked_fill(~known, torch.inf).amin(dim=0)
        high = self.scores.masked_fill(~known, -torch.inf).amax(dim=0)
        return tuple(name for name, same in zip(self.names, (low >= high).tolist(), strict=True) if same)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of names, kind, source, scores and mask: what a cache of anything made from them depends on."""
        digest = hashlib.sha256(repr((self.names, self.kind, self.source, tuple(self.scores.shape))).encode())
        digest.update(self.scores.contiguous().numpy().tobytes())
        if self.observed is not None:
            digest.update(self.observed.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def require_clips(self, n_clips: int) -> "Concepts":
        """Return the concepts, which must be those of a probe set of `n_clips` clips.

        Raises:
            InputError: They are of another number of clips.
        """
        if self.n_clips != n_clips:
            raise InputError(
                f"concepts from {self.source} have scores of {self.n_clips} clips, the probe set {n_clips}"
            )
        return self

    def chosen(self, names: Sequence[str]) -> "Concepts":
        """Return the concepts of these names, in this order.

        Raises:
            InputError: A name is not among them, is repeated, or none of the chosen ones differs between clips.
        """
        missing = [name for name in names if name not in self.names]
        if missing:
            raise InputError(f"concepts from {self.source}: no concept {missing[0]!r}; known: {', '.join(self.names)}")
        columns = [self.names.index(name) for name in names]
        observed = None if self.observed is None else self.observed[:, columns]
        return Concepts(tuple(names), self.scores[:, columns], self.kind, self.source, observed)

    def of_clips(self, clips: Tensor) -> "Concepts":
        """Return the concepts on some `clips` (n,) int64 of the probe set, in their order."""
        observed = None if self.observed is None else self.observed[clips]
        return Concepts(self.names, self.scores[clips], self.kind, self.source, observed)


def one_hot(targets: Tensor, names: Sequence[str], source: str = "labels") -> Concepts:
    """Concepts of single labels: 1 for the class of each clip.

    Args:
        targets: (N,) int64 class numbers.
        names: of the classes.
        source: where the labels come from.

    Raises:
        InputError: As `Concepts`, or a class number without a name.
    """
    if targets.ndim != 1 or not len(targets):
        raise InputError(f"concepts from {source}: targets have shape {tuple(targets.shape)}, expected (N,) with N > 0")
    if int(targets.min()) < 0 or int(targets.max()) >= len(names):
        wrong = int(targets.max()) if int(targets.max()) >= len(names) else int(targets.min())
        raise InputError(f"concepts from {source}: class number {wrong}, but {len(names)} names")
    scores = torch.nn.functional.one_hot(targets.detach().long().cpu(), len(names))
    return Concepts(tuple(names), scores.float(), "binary", source)


def from_multi_label(
    targets: Tensor, names: Sequence[str], observed: Tensor | None = None, source: str = "labels"
) -> Concepts:
    """Concepts of multi-label targets (N, M), with the mask of the labels that are known; unknown ones may be NaN.

    Raises:
        InputError: As `Concepts`. Labels may lie between 0 and 1; they are probabilities then.
    """
    known = targets if observed is None or observed.shape != targets.shape else targets[observed.bool()]
    kind: Kind = "binary" if bool(((known == 0) | (known == 1)).all()) else "probability"
    return Concepts(tuple(names), targets, kind, source, observed)


def from_descriptors(table: Mapping[str, Tensor], source: str = "descriptors") -> Concepts:
    """Concepts of measured descriptors: name -> values (N,) in the descriptor's unit; NaN is not observed.

    Raises:
        InputError: As `Concepts`, or descriptors of different numbers of clips.
    """
    if not table:
        raise InputError(f"concepts from {source}: no descriptors")
    lengths = {name: tuple(values.shape) for name, values in table.items()}
    first = next(iter(lengths))
    for name, shape in lengths.items():
        if len(shape) != 1 or shape != lengths[first]:
            raise InputError(f"concepts from {source}: {name} has shape {shape}, {first} {lengths[first]}")
    scores = torch.stack([values.detach().float().cpu() for values in table.values()], dim=1)
    return Concepts(tuple(table), scores, "score", source, ~scores.isnan())


def joined(first: Concepts, second: Concepts) -> Concepts:
    """Concepts of two sources on the same clips, side by side; their kind is the wider of the two.

    Raises:
        InputError: Other clips, or a name that both have.
    """
    second.require_clips(first.n_clips)
    order: tuple[Kind, ...] = ("binary", "probability", "score")
    kind = max(first.kind, second.kind, key=order.index)
    observed = None
    if first.observed is not None or second.observed is not None:
        observed = torch.cat([first.known, second.known], dim=1)
    scores = torch.cat([first.scores, second.scores], dim=1)
    return Concepts(first.names + second.names, scores, kind, f"{first.source}+{second.source}", observed)


def check_names(names: Sequence[str], source: str) -> None:
    """Refuse a list of concepts that is empty, or in which a name is empty or repeated.

    Raises:
        InputError: Names the first fault.
    """
    if not names:
        raise InputError(f"concepts from {source}: the list is empty; name at least one")
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise InputError(f"concepts from {source}: {repeated[0]!r} is listed {names.count(repeated[0])} times")
    if not all(isinstance(name, str) and name.strip() for name in names):
        raise InputError(f"concepts from {source}: concept {[str(n).strip() for n in names].index('')} has no name")


def check_shape(concepts: Concepts) -> None:
    """Refuse scores that are not (N, M), or a mask of another shape."""
    shape, source = tuple(concepts.scores.shape), concepts.source
    if len(shape) != 2 or shape[1] != len(concepts.names):
        raise InputError(f"concepts from {source}: scores have shape {shape}, expected (N, {len(concepts.names)})")
    if not shape[0]:
        raise InputError(f"concepts from {source}: the probe set is empty")
    if concepts.observed is not None and tuple(concepts.observed.shape) != shape:
        raise InputError(
            f"concepts from {source}: observed has shape {tuple(concepts.observed.shape)}, the scores {shape}"
        )


def check_values(concepts: Concepts) -> None:
    """Refuse observed scores that are not finite, or not of their kind."""
    scores, kind = concepts.scores, concepts.kind
    wrong = ~scores.isfinite()
    if kind == "binary":
        wrong |= (scores != 0) & (scores != 1)
    elif kind == "probability":
        wrong |= (scores < 0) | (scores > 1)
    if bool(wrong.any()):
        clip, column = wrong.nonzero()[0].tolist()
        raise InputError(
            f"concepts from {concepts.source}: {concepts.names[column]!r} is {float(scores[clip, column])} "
            f"on clip {clip}, which is no {kind}" + (" (0 or 1)" if kind == "binary" else "")
        )


def alike(concepts: Concepts) -> str:
    """In which way the clips are all alike, for an error."""
    present = [name for name, share in zip(concepts.names, concepts.scores.mean(dim=0).tolist(), strict=True) if share]
    if concepts.kind == "binary" and len(present) == 1:
        return f"all {concepts.n_clips} clips are {present[0]!r}"
    return f"every concept is the same on all {concepts.n_clips} clips"
