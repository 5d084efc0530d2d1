import warnings

import pytest

from configs.errors import InputError
from datamodules.clip_source import Clip
from datamodules.split_checks import apply_bad_file_policy, check_batch_size, check_splits

BAD = {f"{i}.wav": "silent throughout" for i in range(8)}


def test_all_bad_clips_are_counted_and_the_first_named_with_the_way_out():
    with pytest.raises(InputError) as raised:
        apply_bad_file_policy(BAD, 100, "error")
    message = str(raised.value)
    assert message.startswith("8 of 100 clips cannot be used: 0.wav (silent throughout), 1.wav")
    assert "and 3 more" in message
    assert message.endswith("set data.on_bad_file=skip")
    assert "\n" not in message


def test_skipped_clips_are_warned_of():
    with pytest.warns(UserWarning, match="8 of 100 clips .*left out"):
        apply_bad_file_policy(BAD, 100, "skip")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        apply_bad_file_policy({}, 100, "skip")
        apply_bad_file_policy({}, 100, "error")


def splits(*targets):
    clips = tuple(Clip(str(i), target, str(i)) for i, target in enumerate(targets))
    return {"train": clips, "val": clips, "test": ()}


def test_good_splits_pass_even_without_test_clips():
    check_splits("set", splits(0, 1, 1), ("a", "b"), 3)


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_empty_split_is_named(split):
    with pytest.raises(InputError, match=f"set has no usable clips in its {split} split"):
        check_splits("set", {**splits(0, 1), split: ()}, ("a", "b"), 1)


def test_a_class_without_training_clips_is_named():
    with pytest.raises(InputError, match="no training clip of class owl:"):
        check_splits("set", splits(0, 2, 0), ("cat", "owl", "dog"), 1)


def test_an_absent_label_of_a_multi_label_set_is_only_warned_of():
    with pytest.warns(UserWarning, match="no training clip of class owl"):
        check_splits("set", splits((1.0, 0.0), (0.5, 0.0)), ("cat", "owl"), 1)


def test_fewer_clips_than_a_batch_name_the_setting():
    check_batch_size(10, 5, 2)
    with pytest.raises(InputError, match=r"3 training clips do not fill .*data\.batch_size=4; .*=3 or less"):
        check_batch_size(3, 4, 1)
    with pytest.raises(InputError, match=r"each of 3 processes .*data\.batch_size=4; set data\.batch_size=3"):
        check_batch_size(10, 4, 3)
