import os
import random
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from configs.data_schema import AudioFolderData
from configs.errors import CommandError
from datamodules.clip_source import ClipSource

ODD_NAMES = ('say "hi"', "<b>bold</b> & co", "נביחה", "[red]x[/red]")


@pytest.fixture
def folders(sound):
    """Write `counts` short sounds into each folder under a root and return the settings that read them."""

    def write(root: Path, counts: dict[str, int], suffix: str = "wav") -> AudioFolderData:
        for name, count in counts.items():
            for number in range(count):
                sound(root / name / f"{number:03}.{suffix}")
        return AudioFolderData(root=str(root))

    return write


def test_class_folders_are_divided_by_class(folders, names, load, tmp_path):
    source = load(folders(tmp_path, {"b": 20, "a": 10}))
    assert isinstance(source, ClipSource)
    assert source.class_names == ("a", "b")
    assert (source.name, source.multi_label) == ("audio_folder", False)
    counts = {split: Counter(clip.target for clip in clips) for split, clips in source.splits.items()}
    assert counts["test"] == {0: 2, 1: 4}
    assert counts["val"] == {0: 2, 1: 3}
    assert counts["train"] == {0: 6, 1: 13}
    clips = [clip for clips in source.splits.values() for clip in clips]
    assert len(names(tuple(clips))) == 30
    assert all(source.class_names[clip.target] == clip.name.split("/")[0] for clip in clips)
    assert all(clip.group == clip.name for clip in clips)
    samples, rate = source.read(clips[0])
    np.testing.assert_allclose(samples, np.full(80, 0.1), atol=1e-4)
    assert rate == 8000


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "WAV", "aiff"])
def test_other_formats_are_read(folders, load, tmp_path, suffix):
    source = load(folders(tmp_path, {"a": 3, "b": 3}, suffix))
    assert source.read(source.splits["train"][0])[0].size > 0


def test_the_split_depends_neither_on_the_place_nor_on_the_order_of_the_files(folders, load, tmp_path, monkeypatch):
    counts = {"a": 12, "b": 9, "c": 15}
    one = load(folders(tmp_path / "one", counts)).splits
    shutil.copytree(tmp_path / "one", tmp_path / "deep/er/two")
    walk, iterdir = os.walk, Path.iterdir

    def shuffled_walk(*arguments, **options):
        for base, below, files in walk(*arguments, **options):
            random.Random(1).shuffle(below)
            yield base, below, sorted(files, reverse=True)

    monkeypatch.setattr(os, "walk", shuffled_walk)
    monkeypatch.setattr(Path, "iterdir", lambda path: iter(sorted(iterdir(path), reverse=True)))
    two = load(AudioFolderData(root=str(tmp_path / "deep/er/two"))).splits
    assert one == two


def test_given_split_folders_are_kept_and_the_missing_one_is_drawn(folders, load, tmp_path):
    counts = {"train/a": 6, "train/b": 6, "valid/a": 2, "valid/b": 1, "test/a": 1}
    source = load(folders(tmp_path, counts))
    assert source.class_names == ("a", "b")
    assert all(clip.name.startswith("valid/") for clip in source.splits["val"])
    assert [len(source.splits[split]) for split in ("train", "val", "test")] == [12, 3, 1]
    shutil.rmtree(tmp_path / "test")
    drawn = load(AudioFolderData(root=str(tmp_path)))
    assert [len(drawn.splits[split]) for split in ("train", "val", "test")] == [10, 3, 2]


def test_a_class_may_be_called_train(folders, load, tmp_path):
    assert load(folders(tmp_path, {"train": 5, "tram": 5})).class_names == ("train", "tram")


def test_hidden_files_and_what_is_not_audio_are_passed_over(sound, folders, load, tmp_path):
    config = folders(tmp_path, {"a": 4, "b": 4, ".hidden": 3})
    for name in ("a/.x.wav", "b/notes.txt", ".DS_Store", "README.md"):
        (tmp_path / name).write_text("x")
    sound(tmp_path / "a/.cache/y.wav")
    assert sum(map(len, load(config).splits.values())) == 8


def test_files_in_deeper_folders_belong_to_their_class(sound, folders, load, tmp_path):
    config = folders(tmp_path, {"a": 2, "b": 4})
    sound(tmp_path / "a/day one/x.wav")
    sound(tmp_path / "a/day one/y.wav")
    assert sum(map(len, load(config).splits.values())) == 8


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_class_names_are_kept(folders, table, load, tmp_path, name):
    folder = name.replace("/", "")
    assert set(load(folders(tmp_path / "folders", {folder: 4, "plain": 4})).class_names) == {folder, "plain"}
    rows = [(f"{number}.wav", name if number % 2 else "plain") for number in range(8)]
    assert set(load(table(tmp_path / "table", "path,label", rows)).class_names) == {name, "plain"}


def test_folders_that_cannot_be_used_are_named(sound, folders, load, refused, tmp_path):
    refused(AudioFolderData(root=str(tmp_path / "none")), r"data\.root=.*none does not exist")
    (tmp_path / "empty").mkdir()
    refused(AudioFolderData(root=str(tmp_path / "empty")), "has no class folder")
    with pytest.raises(CommandError, match=r"data\.root is not set"):
        load(AudioFolderData())
    refused(folders(tmp_path / "one", {"a": 4}), r"one class only \('a'\)")
    config = folders(tmp_path / "hollow", {"a": 4, "b": 4})
    (tmp_path / "hollow/c").mkdir()
    refused(config, "class folder .*hollow/c holds no audio file")
    config = folders(tmp_path / "loose", {"a": 4, "b": 4})
    sound(tmp_path / "loose/x.wav")
    refused(config, r"audio outside of class folders \('x.wav'\)")
    config = folders(tmp_path / "m4a", {"a": 4, "b": 4})
    (tmp_path / "m4a/a/x.m4a").touch()
    refused(config, r"x\.m4a is in a format that cannot be read; convert it")
    refused(
        folders(tmp_path / "mixed", {"train/a": 4, "train/b": 4, "c": 4}), r"mixes splits \(train\) and classes \('c'\)"
    )
    refused(folders(tmp_path / "double", {"train/a": 4, "val/a": 4, "valid/a": 4}), "two folders for the split val")
    refused(
        folders(tmp_path / "unseen", {"train/a": 4, "train/b": 4, "test/c": 4}), "class 'c' never occurs in training"
    )
    refused(folders(tmp_path / "untrained", {"val/a": 4, "test/b": 4}), "name no training clips")


def test_links_out_of_the_root_are_refused(sound, folders, refused, tmp_path):
    config = folders(tmp_path / "root", {"a": 4, "b": 4})
    sound(tmp_path / "outside/x.wav")
    (tmp_path / "root/a/link.wav").symlink_to(tmp_path / "outside/x.wav")
    refused(config, r"'a/link\.wav' is a link that leads out")
    (tmp_path / "root/a/link.wav").unlink()
    (tmp_path / "root/c").symlink_to(tmp_path / "outside")
    refused(config, "root/c is a link to a folder")


def test_a_name_that_is_not_utf8_is_refused(folders, refused, tmp_path):
    config = folders(tmp_path, {"a": 4, "b": 4})
    try:
        (tmp_path / "a" / os.fsdecode(b"\xff.wav")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    refused(config, r"\\udcff\.wav' in .* is not valid UTF-8")


def test_too_few_recordings_are_refused(folders, table, refused, tmp_path):
    refused(replace(folders(tmp_path, {"a": 4, "b": 4}), test_share=0.0), r"data\.test_share=0 leaves no test clips")
    refused(
        replace(folders(tmp_path, {"a": 4, "b": 4}), validation_share=0.0), r"data\.validation_share=0 leaves no val"
    )
    rows = [(f"{n}.wav", "ab"[n % 2], "same") for n in range(6)]
    refused(table(tmp_path / "group", "path,label,group", rows), "only one recording to draw the test split from")
