import dataclasses

import pytest

from datamodules.clip_source import Clip, ClipSource


def test_a_plain_class_is_a_source_without_inheriting(source):
    assert isinstance(source, ClipSource)
    assert not isinstance(object(), ClipSource)


def test_a_clip_cannot_be_changed_and_compares_by_value():
    clip = Clip("a", 0, "g")
    assert clip == Clip("a", 0, "g")
    with pytest.raises(dataclasses.FrozenInstanceError):
        clip.name = "b"  # type: ignore[misc]
