import csv
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from configs.data_schema import AudioFolderData
from configs.errors import CommandError, InputError
from datamodules.audio_folder import AudioFolder
from datamodules.clip_source import Clip, ClipSource

ODD_NAMES = ('say "hi"', "<b>bold</b> & co", "נביחה", "[red]x[/red]")


def sound(path: Path, level: float = 0.1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(80, level), 8000)
    return path


def folders(root: Path, counts: dict[str, int], suffix: str = "wav") -> AudioFolderData:
    for name, count in counts.items():
        for number in range(count):
            sound(root / name / f"{number:03}.{suffix}")
    return AudioFolderData(root=str(root))


def table(root: Path, columns: str, rows: Iterable[tuple[str, ...]], write: bool = True) -> AudioFolderData:
    rows = list(rows)
    root.mkdir(parents=True, exist_ok=True)
    with (root / "table.csv").open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([columns.split(","), *rows])
    for path, *_ in rows if write else ():
        sound(root / path)
    return AudioFolderData(root=str(root), table="table.csv")


def names(clips: tuple[Clip, ...]) -> set[str]:
    return {clip.name for clip in clips}


def load(config: AudioFolderData) -> AudioFolder:
    return AudioFolder(config, 22050)


def refused(config: AudioFolderData, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(config)
    assert "\n" not in str(caught.value)


# --- class folders ---


def test_class_folders_are_divided_by_class(tmp_path):
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
def test_other_formats_are_read(tmp_path, suffix):
    source = load(folders(tmp_path, {"a": 3, "b": 3}, suffix))
    assert source.read(source.splits["train"][0])[0].size > 0


def test_the_split_depends_neither_on_the_place_nor_on_the_order_of_the_files(tmp_path, monkeypatch):
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


def test_given_split_folders_are_kept_and_the_missing_one_is_drawn(tmp_path):
    counts = {"train/a": 6, "train/b": 6, "valid/a": 2, "valid/b": 1, "test/a": 1}
    source = load(folders(tmp_path, counts))
    assert source.class_names == ("a", "b")
    assert all(clip.name.startswith("valid/") for clip in source.splits["val"])
    assert [len(source.splits[split]) for split in ("train", "val", "test")] == [12, 3, 1]
    shutil.rmtree(tmp_path / "test")
    drawn = load(AudioFolderData(root=str(tmp_path)))
    assert [len(drawn.splits[split]) for split in ("train", "val", "test")] == [10, 3, 2]


def test_a_class_may_be_called_train(tmp_path):
    assert load(folders(tmp_path, {"train": 5, "tram": 5})).class_names == ("train", "tram")


def test_hidden_files_and_what_is_not_audio_are_passed_over(tmp_path):
    config = folders(tmp_path, {"a": 4, "b": 4, ".hidden": 3})
    for name in ("a/.x.wav", "b/notes.txt", ".DS_Store", "README.md"):
        (tmp_path / name).write_text("x")
    sound(tmp_path / "a/.cache/y.wav")
    assert sum(map(len, load(config).splits.values())) == 8


def test_files_in_deeper_folders_belong_to_their_class(tmp_path):
    config = folders(tmp_path, {"a": 2, "b": 4})
    sound(tmp_path / "a/day one/x.wav")
    sound(tmp_path / "a/day one/y.wav")
    assert sum(map(len, load(config).splits.values())) == 8


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_class_names_are_kept(tmp_path, name):
    folder = name.replace("/", "")
    assert set(load(folders(tmp_path / "folders", {folder: 4, "plain": 4})).class_names) == {folder, "plain"}
    rows = [(f"{number}.wav", name if number % 2 else "plain") for number in range(8)]
    assert set(load(table(tmp_path / "table", "path,label", rows)).class_names) == {name, "plain"}


def test_folders_that_cannot_be_used_are_named(tmp_path):
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


def test_links_out_of_the_root_are_refused(tmp_path):
    config = folders(tmp_path / "root", {"a": 4, "b": 4})
    sound(tmp_path / "outside/x.wav")
    (tmp_path / "root/a/link.wav").symlink_to(tmp_path / "outside/x.wav")
    refused(config, r"'a/link\.wav' is a link that leads out")
    (tmp_path / "root/a/link.wav").unlink()
    (tmp_path / "root/c").symlink_to(tmp_path / "outside")
    refused(config, "root/c is a link to a folder")


def test_a_name_that_is_not_utf8_is_refused(tmp_path):
    config = folders(tmp_path, {"a": 4, "b": 4})
    try:
        (tmp_path / "a" / os.fsdecode(b"\xff.wav")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    refused(config, r"\\udcff\.wav' in .* is not valid UTF-8")


def test_too_few_recordings_are_refused(tmp_path):
    refused(replace(folders(tmp_path, {"a": 4, "b": 4}), test_share=0.0), r"data\.test_share=0 leaves no test clips")
    refused(
        replace(folders(tmp_path, {"a": 4, "b": 4}), validation_share=0.0), r"data\.validation_share=0 leaves no val"
    )
    rows = [(f"{n}.wav", "ab"[n % 2], "same") for n in range(6)]
    refused(table(tmp_path / "group", "path,label,group", rows), "only one recording to draw the test split from")


# --- tables ---


def test_a_table_gives_labels_splits_and_groups(tmp_path):
    rows = [(f"sub/{n}.wav", "ab"[n % 2], ("train", "Val", "test")[n % 3], f"g{n % 6}") for n in range(18)]
    source = load(table(tmp_path, "path,label,split,group", rows))
    for number, split in enumerate(("train", "val", "test")):
        assert names(source.splits[split]) == {row[0] for row in rows[number::3]}
    assert {clip.group for clip in source.splits["train"]} == {"g0", "g3"}


def test_a_drawn_split_never_parts_a_group(tmp_path):
    rows = [(f"{n}.wav", "abc"[n % 3], f"g{n // 6}") for n in range(120)]
    splits = load(table(tmp_path, "path,label,group", rows)).splits
    groups = [{clip.group for clip in clips} for clips in splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    assert [len(splits[split]) for split in ("train", "val", "test")] == [78, 18, 24]


def test_the_order_of_the_rows_does_not_matter(tmp_path):
    rows = [(f"{n}.wav", "abc"[n % 3]) for n in range(30)]
    one = load(table(tmp_path / "one", "path,label", rows)).splits
    two = load(table(tmp_path / "two", "path,label", [("./" + path, label) for path, label in rows[::-1]])).splits
    assert one == two


def test_a_table_may_lie_outside_of_the_root(tmp_path):
    config = table(tmp_path / "root", "path,label", [(f"{n}.wav", "ab"[n % 2]) for n in range(6)])
    moved = (tmp_path / "root/table.csv").rename(tmp_path / "elsewhere.csv")
    assert load(replace(config, table=str(moved))).class_names == ("a", "b")
    refused(config, r"no table at data\.table=table\.csv")


def multi_label_rows(count: int) -> list[tuple[str, str]]:
    """Three common classes and "rare", which only four clips carry."""
    drawn = random.Random(0)
    rows = [
        (f"{n:03}.wav", "; ".join(sorted(drawn.sample(["a", "b", "c"], drawn.randint(1, 3))))) for n in range(count)
    ]
    return [(path, f"{labels};rare" if n % (count // 4) == 0 else labels) for n, (path, labels) in enumerate(rows)]


def test_several_labels_become_one_target_with_every_class_on_every_side(tmp_path):
    rows = multi_label_rows(80)
    source = load(replace(table(tmp_path, "path,labels", rows), multi_label=True))
    assert source.multi_label
    assert source.class_names == ("a", "b", "c", "rare")
    expected = {path: {label.strip() for label in labels.split(";")} for path, labels in rows}
    for clip in (clip for clips in source.splits.values() for clip in clips):
        present = {name for name, value in zip(source.class_names, clip.target, strict=True) if value == 1.0}
        assert present == expected[clip.name]
        assert set(clip.target) <= {0.0, 1.0}
    for clips in source.splits.values():
        shares = np.mean([clip.target for clip in clips], axis=0)
        overall = np.mean([[name in expected[path] for name in source.class_names] for path, _ in rows], axis=0)
        np.testing.assert_allclose(shares[:3], overall[:3], atol=0.15)
        assert shares[3] > 0
    again = load(replace(table(tmp_path / "again", "path,labels", rows[::-1]), multi_label=True))
    assert again.splits == source.splits


def test_one_label_of_several_needs_the_setting(tmp_path):
    rows = [(f"{n}.wav", "a" if n else "a|b") for n in range(6)]
    config = replace(table(tmp_path, "path,label", rows), label_separator="|")
    refused(config, r"line 2: several labels \('a\|b'\); set data\.multi_label=true")
    assert load(replace(config, multi_label=True)).class_names == ("a", "b")
    rows = [(f"{n}.wav", "a|b" if n % 2 else "a") for n in range(6)]
    assert load(table(tmp_path / "whole", "path,label", rows)).class_names == ("a", "a|b")


@pytest.mark.parametrize(
    ("columns", "row", "message"),
    [
        ("path,label", ("x.wav", ""), "line 8: the label is blank"),
        ("path,label", ("x.wav", "a;"), r"line 8: a label is blank \('a;'\)"),
        ("path,label", ("0.wav", "a"), "line 8: '0.wav' is in the table twice, first on line 2"),
        ("path,label", ("../x.wav", "a"), "line 8: '../x.wav' leads out"),
        ("path,label", ("/x.wav", "a"), "line 8: '/x.wav' is an absolute path"),
        ("path,label", ("gone.wav", "a"), "line 8: no file 'gone.wav'"),
        ("path,tag", ("x.wav", "a"), "needs one column 'label' or 'labels'; it has path, tag"),
        ("path,label,labels", ("x.wav", "a", "a"), "needs one column 'label' or 'labels'"),
        ("file,label", ("x.wav", "a"), "no column path"),
        ("path,label,split", ("x.wav", "a", "dev"), "line 8: split is 'dev'; expected train, val or test"),
        ("path,label,split", ("x.wav", "a", ""), "line 8: split is ''"),
        ("path,label,group", ("x.wav", "a", ""), "line 8: the group is blank"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path, columns, row, message):
    extra = {"split": "train", "group": "g", "labels": "a"}
    good = [
        (f"{n}.wav", "ab"[n % 2], *(extra[column] + str(n) * (column == "group") for column in columns.split(",")[2:]))
        for n in range(6)
    ]
    config = table(tmp_path / "root", columns, good)
    sound(tmp_path / "root/x.wav")
    sound(tmp_path / "x.wav")
    refused(table(tmp_path / "root", columns, [*good, row], write=False), message)
    assert config.table == "table.csv"


def test_a_repeated_label_and_a_group_in_two_splits_are_refused(tmp_path):
    rows = [("0.wav", "a;a"), ("1.wav", "b")]
    refused(replace(table(tmp_path / "a", "path,labels", rows), multi_label=True), r"line 2: a label is repeated")
    rows = [(f"{n}.wav", "ab"[n % 2], "test" if n < 2 else "train", "g" if n in (0, 2) else str(n)) for n in range(8)]
    refused(table(tmp_path / "b", "path,label,split,group", rows), "group 'g' is in train and in test; keep it in one")


def test_an_empty_split_column_counts_as_absent(tmp_path):
    rows = [(f"{n}.wav", "ab"[n % 2], "") for n in range(20)]
    splits = load(table(tmp_path, "path,label,split", rows)).splits
    assert [len(splits[split]) for split in ("train", "val", "test")] == [12, 4, 4]


@pytest.mark.real_data
def test_real_recordings_from_a_table_elsewhere(shared_data, tmp_path):
    with (shared_data / "ESC-10/meta/esc50.csv").open(newline="") as handle:
        rows = [(f"audio/{row['filename']}", row["category"], row["src_file"]) for row in csv.DictReader(handle)]
    written = table(tmp_path, "path,label,group", rows, write=False)
    source = load(AudioFolderData(root=str(shared_data / "ESC-10"), table=str(tmp_path / str(written.table))))
    assert source.class_names == tuple(sorted({row[1] for row in rows}))
    groups = [{clip.group for clip in clips} for clips in source.splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == len({row[2] for row in rows})
    for split, share in (("train", 0.64), ("val", 0.16), ("test", 0.2)):
        counts = Counter(clip.target for clip in source.splits[split])
        assert all(abs(counts[number] - 40 * share) <= 4 for number in range(10))
    samples, rate = source.read(source.splits["test"][0])
    assert rate == 44100
    assert np.abs(samples).max() > 0
