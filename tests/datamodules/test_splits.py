import numpy as np
import pytest

from configs.errors import InputError
from datamodules.clip_source import Clip
from datamodules.splits import permute_labels, split_validation


def clips(n_classes: int = 5, recordings: int = 20, takes: int = 3) -> list[Clip]:
    return [
        Clip(f"{c}-{r}-{t}", c, f"{c}-{r}") for c in range(n_classes) for r in range(recordings) for t in range(takes)
    ]


def test_no_recording_on_both_sides_and_nothing_lost():
    everything = clips()
    train, val = split_validation(everything, 0.2, 0)
    assert not {c.group for c in train} & {c.group for c in val}
    assert sorted(c.name for c in train + val) == sorted(c.name for c in everything)


def test_every_class_gives_its_share():
    _, val = split_validation(clips(), 0.2, 0)
    assert np.bincount([c.target for c in val]).tolist() == [12] * 5


def test_uneven_recordings_come_near_the_share():
    generator = np.random.default_rng(0)
    uneven = [
        Clip(f"{c}-{r}-{t}", c, f"{c}-{r}")
        for c in range(4)
        for r in range(15)
        for t in range(generator.integers(1, 8))
    ]
    train, val = split_validation(uneven, 0.25, 3)
    for c in range(4):
        held = sum(clip.target == c for clip in val)
        assert abs(held / sum(clip.target == c for clip in train + val) - 0.25) < 0.08


def test_depends_on_seed_and_names_but_not_on_order():
    everything = clips()
    names = [{c.name for c in split_validation(order, 0.2, 5)[1]} for order in (everything, everything[::-1])]
    assert names[0] == names[1]
    assert names[0] != {c.name for c in split_validation(everything, 0.2, 6)[1]}


def test_a_class_of_one_recording_stays_in_training():
    train, val = split_validation([*clips(), Clip("rare", 5, "rare")], 0.2, 0)
    assert "rare" in {c.name for c in train}
    assert "rare" not in {c.name for c in val}


def test_multi_label_clips_are_split_by_recording():
    labelled = [Clip(c.name, (1.0, 0.0), c.group) for c in clips()]
    train, val = split_validation(labelled, 0.2, 0)
    assert not {c.group for c in train} & {c.group for c in val}
    assert len(val) == pytest.approx(60, abs=3)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_out_of_range_is_named(share):
    with pytest.raises(InputError, match=r"data\.validation_share"):
        split_validation(clips(), share, 0)


def test_one_recording_cannot_be_split():
    with pytest.raises(InputError, match="two recordings"):
        split_validation([Clip("a", 0, "g"), Clip("b", 0, "g")], 0.5, 0)


def test_some_recording_is_always_held_out():
    train, val = split_validation([Clip("a", 0, "a"), Clip("b", 1, "b"), Clip("c", 0, "c")], 0.1, 0)
    assert train
    assert val


def test_labels_are_dealt_out_anew_and_each_class_keeps_its_number():
    before = clips(5, 40, 1)
    after = permute_labels(before, seed=0)
    assert [clip.name for clip in after] == [clip.name for clip in before]
    assert sorted(clip.target for clip in after) == sorted(clip.target for clip in before)
    same = np.mean([a.target == b.target for a, b in zip(after, before, strict=True)])
    assert same < 0.35  # 0.2 by chance, of 200
    assert permute_labels(before, seed=0) == after
    assert permute_labels(before, seed=1) != after


def test_known_labels_move_with_what_is_known():
    several = [Clip(f"c{i}", (float(i), 0.0), f"r{i}", (i % 2 == 0, True)) for i in range(10)]
    assert all(clip.observed == (clip.target[0] % 2 == 0, True) for clip in permute_labels(several, seed=3))
