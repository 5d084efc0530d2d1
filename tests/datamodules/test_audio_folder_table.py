"""Labels, splits and groups of a folder of recordings from a CSV table."""

import csv
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from configs.data_schema import AudioFolderData


def test_a_table_gives_labels_splits_and_groups(table, names, load, tmp_path):
    rows = [(f"sub/{n}.wav", "ab"[n % 2], ("train", "Val", "test")[n % 3], f"g{n % 6}") for n in range(18)]
    source = load(table(tmp_path, "path,label,split,group", rows))
    for number, split in enumerate(("train", "val", "test")):
        assert names(source.splits[split]) == {row[0] for row in rows[number::3]}
    assert {clip.group for clip in source.splits["train"]} == {"g0", "g3"}


def test_a_drawn_split_never_parts_a_group(table, load, tmp_path):
    rows = [(f"{n}.wav", "abc"[n % 3], f"g{n // 6}") for n in range(120)]
    splits = load(table(tmp_path, "path,label,group", rows)).splits
    groups = [{clip.group for clip in clips} for clips in splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    assert [len(splits[split]) for split in ("train", "val", "test")] == [78, 18, 24]


def test_the_order_of_the_rows_does_not_matter(table, load, tmp_path):
    rows = [(f"{n}.wav", "abc"[n % 3]) for n in range(30)]
    one = load(table(tmp_path / "one", "path,label", rows)).splits
    two = load(table(tmp_path / "two", "path,label", [("./" + path, label) for path, label in rows[::-1]])).splits
    assert one == two


def test_a_table_may_lie_outside_of_the_root(table, load, refused, tmp_path):
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


def test_several_labels_become_one_target_with_every_class_on_every_side(table, load, tmp_path):
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


def test_one_label_of_several_needs_the_setting(table, load, refused, tmp_path):
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
def test_a_row_that_cannot_be_used_is_named(sound, table, refused, tmp_path, columns, row, message):
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


def test_a_repeated_label_and_a_group_in_two_splits_are_refused(table, refused, tmp_path):
    rows = [("0.wav", "a;a"), ("1.wav", "b")]
    refused(replace(table(tmp_path / "a", "path,labels", rows), multi_label=True), r"line 2: a label is repeated")
    rows = [(f"{n}.wav", "ab"[n % 2], "test" if n < 2 else "train", "g" if n in (0, 2) else str(n)) for n in range(8)]
    refused(table(tmp_path / "b", "path,label,split,group", rows), "group 'g' is in train and in test; keep it in one")


def test_an_empty_split_column_counts_as_absent(table, load, tmp_path):
    rows = [(f"{n}.wav", "ab"[n % 2], "") for n in range(20)]
    splits = load(table(tmp_path, "path,label,split", rows)).splits
    assert [len(splits[split]) for split in ("train", "val", "test")] == [12, 4, 4]


@pytest.mark.real_data
def test_real_recordings_from_a_table_elsewhere(table, load, shared_data, tmp_path):
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
