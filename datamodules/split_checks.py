"""What is checked before the first epoch: bad clips, and splits that cannot be trained on. One line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pytorch_lightning.utilities import rank_zero_warn

from configs.errors import InputError
from datamodules.clip_source import Clip, Split
from datamodules.excerpts import ExcerptClips

_NAMED = 5  # bad files or classes that one message names


def apply_bad_file_policy(bad: Mapping[str, str], n_clips: int, policy: Literal["error", "skip"]) -> None:
    """Refuse or announce the clips that cannot be used.

    Args:
        bad: name -> what is wrong.
        n_clips: number of all clips, good and bad.
        policy: `data.on_bad_file`.

    Raises:
        InputError: there are bad clips and the policy is "error"; names the first few and counts them all.
    """
    if not bad:
        return
    named = ", ".join(f"{name} ({reason})" for name, reason in list(bad.items())[:_NAMED])
    more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
    found = f"{len(bad)} of {n_clips} clips cannot be used: {named}{more}"
    if policy == "error":
        raise InputError(f"{found}; repair or remove them, or set data.on_bad_file=skip")
    rank_zero_warn(f"{found}; left out (data.on_bad_file=skip)")


def too_short(lengths: Mapping[str, int], min_samples: int) -> dict[str, str]:
    """Return name -> what is wrong for the clips of fewer than `min_samples`, one frame of the front end."""
    return {
        name: f"{length} samples, shorter than one analysis frame of {min_samples}"
        for name, length in lengths.items()
        if length < min_samples
    }


def check_splits(
    source_name: str, splits: Mapping[Split, Sequence[Clip]], class_names: Sequence[str], batch_size: int
) -> None:
    """Refuse splits without clips, too few training clips for a batch, or classes that cannot be learned.

    A multi-label class without positive training clips is only warned of: partially labelled sets have such classes.

    Raises:
        InputError: as said; names the setting or class.
    """
    for split in ("train", "val"):
        if not splits[split]:
            raise InputError(f"data set {source_name} has no usable clips in its {split} split")
    check_batch_size(len(splits["train"]), batch_size, 1)
    absent = [class_names[number] for number in absent_classes(splits["train"], len(class_names))]
    if not absent:
        return
    message = f"no training clip of class {', '.join(absent[:_NAMED])}{', ...' if len(absent) > _NAMED else ''}"
    if isinstance(splits["train"][0].target, int):
        raise InputError(f"{message}: give it recordings or take it out of the data")
    rank_zero_warn(f"{message}: its scores will mean nothing")


def check_batch_size(n_clips: int, batch_size: int, world: int) -> None:
    """Refuse a batch size that the training clips of one of `world` processes do not fill.

    Raises:
        InputError: names data.batch_size and the largest that would do.
    """
    share = n_clips // world
    if share < batch_size:
        among = f" on each of {world} processes" if world > 1 else ""
        raise InputError(
            f"{share} training clips{among} do not fill one batch of data.batch_size={batch_size}; "
            f"set data.batch_size={max(1, share)} or less"
        )


def absent_classes(clips: Sequence[Clip], n_classes: int) -> list[int]:
    """Return the numbers of the classes that none of the clips carries."""
    seen: set[int] = set(clips.targets.tolist()) if isinstance(clips, ExcerptClips) else set()
    for clip in () if isinstance(clips, ExcerptClips) else clips:
        seen.update([clip.target] if isinstance(clip.target, int) else (c for c, t in enumerate(clip.target) if t > 0))
    return [number for number in range(n_classes) if number not in seen]
