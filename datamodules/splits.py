"""Split clips by recording, so that no recording is heard on both sides."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from configs.errors import InputError
from datamodules.batch import clip_generator
from datamodules.clip_source import Clip
from datamodules.excerpts import ExcerptClips

_SPLIT_STREAM = 3
_LABEL_STREAM = 6
DRAWS = 32
"""Draws of a multi-label split among which `most_even_split` takes the best."""


def split_validation(clips: Sequence[Clip], share: float, seed: int) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Hold out a share of the clips, whole recordings (`Clip.group`) at a time; depends on names and seed only.

    Single-label clips are stratified: each class gives about its share, as nearly as its recordings allow, and keeps at
    least one recording for training. Multi-label clips are drawn recording by recording.

    Args:
        clips: the clips to divide; their order does not matter to who goes where.
        share: share of the clips to hold out, between 0 and 1, both excluded.
        seed: seed of the draw.

    Returns:
        Training and validation clips, each in the order given.

    Raises:
        InputError: share out of range, or fewer than two recordings.
    """
    if not 0.0 < share < 1.0:
        raise InputError(f"data.validation_share is {share}; it must lie between 0 and 1")
    groups: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        groups[clip.group].append(clip)
    if len(groups) < 2:
        raise InputError(f"a validation split needs at least two recordings, and there is {len(groups)}")
    strata: dict[int | None, list[str]] = defaultdict(list)
    for name in sorted(groups):
        strata[_stratum(groups[name])].append(name)
    held: set[str] = set()
    for number, key in enumerate(sorted(strata, key=lambda key: -1 if key is None else key)):
        names = strata[key]
        order = clip_generator(seed, 0, number, _SPLIT_STREAM).permutation(len(names))
        held |= _take([names[i] for i in order], {name: len(groups[name]) for name in names}, share)
    if not held:  # every class has a single recording: hold out at least one of them, of the largest class
        held = {sorted(groups, key=lambda name: (-len(strata[_stratum(groups[name])]), name))[0]}
    train = tuple(clip for clip in clips if clip.group not in held)
    return train, tuple(clip for clip in clips if clip.group in held)


def most_even_split(clips: Sequence[Clip], share: float, seed: int) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """As `split_validation`; of multi-label clips the draw that divides the classes most evenly.

    `DRAWS` draws are made with the seeds from `seed` on.

    Raises:
        InputError: As `split_validation`.
    """
    draws = DRAWS if clips and isinstance(clips[0].target, tuple) else 1
    candidates = [split_validation(clips, share, seed + number) for number in range(draws)]
    return min(candidates, key=lambda pair: unevenness(clips, pair[1], share))


def permute_labels(clips: Sequence[Clip], seed: int) -> Sequence[Clip]:
    """Deal the labels of clips out anew among them: each class keeps its number of clips, which are now any."""
    order = clip_generator(seed, 0, len(clips), _LABEL_STREAM).permutation(len(clips))
    if isinstance(clips, ExcerptClips):
        return clips.relabelled(order)
    dealt = [clips[place] for place in order]
    pairs = zip(clips, dealt, strict=True)
    return tuple(replace(clip, target=other.target, observed=other.observed) for clip, other in pairs)


def unevenness(clips: Iterable[Clip], drawn: Iterable[Clip], share: float) -> tuple[int, float]:
    """Return how many classes are drawn whole or not at all, and how far the classes are from `share` together."""
    total = Counter(number for clip in clips for number in classes_of(clip))
    held = Counter(number for clip in drawn for number in classes_of(clip))
    one_sided = sum(held[number] in (0, total[number]) for number in total)
    return one_sided, sum(abs(held[number] / total[number] - share) for number in total)


def classes_of(clip: Clip) -> tuple[int, ...]:
    """Return the numbers of a clip's classes."""
    if isinstance(clip.target, int):
        return (clip.target,)
    return tuple(number for number, value in enumerate(clip.target) if value > 0)


def _stratum(group: Sequence[Clip]) -> int | None:
    """Most frequent class of a recording (the lower number on a tie); None for multi-label clips."""
    counts = Counter(clip.target for clip in group if isinstance(clip.target, int))
    return min(counts, key=lambda target: (-counts[target], target)) if counts else None


def _take(names: Sequence[str], sizes: dict[str, int], share: float) -> set[str]:
    """Take recordings in turn while each brings the number of clips held nearer to the share; leave at least one."""
    wanted, taken, count = share * sum(sizes.values()), set[str](), 0
    for name in names:
        nearer = abs(count + sizes[name] - wanted) < abs(count - wanted)
        if nearer and len(taken) + 1 < len(names):
            taken.add(name)
            count += sizes[name]
    return taken
