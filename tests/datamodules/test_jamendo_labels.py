"""Label files and lists of the Jamendo corpus: by hand, and every fault by file and line."""

from pathlib import Path

import pytest

from configs.errors import InputError
from datamodules.jamendo_labels import Segment, check_length, frame_labels, n_frames, read_lists, read_segments


def labels(tmp_path: Path, text: str) -> Path:
    (tmp_path / "labels").mkdir(exist_ok=True)
    path = tmp_path / "labels" / "05 - Crepuscule.lab"
    path.write_text(text, encoding="utf-8")
    return path


def test_segments_are_read_with_their_lines(tmp_path: Path) -> None:
    path = labels(tmp_path, "0 1.5 nosing\n\n1.5  2.25   sing\n2.2496 4 nosing\n")
    assert read_segments(path) == (
        Segment(0, 1.5, False, 1),
        Segment(1.5, 2.25, True, 3),
        Segment(2.2496, 4, False, 4),  # times are rounded: less than a millisecond of overlap is none
    )


def test_frames_of_a_segment_are_those_from_its_start_on_and_before_its_end() -> None:
    segments = (Segment(0.25, 0.5, True, 1), Segment(0.7, 0.8, False, 2), Segment(0.85, 9, True, 3))
    assert frame_labels(segments, 11, 10).tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1]
    assert frame_labels((Segment(0.2, 0.4, True, 1),), 6, 10).tolist() == [0, 0, 1, 1, 0, 0]
    assert frame_labels((), 3, 10).tolist() == [0, 0, 0]
    assert [n_frames(seconds, 70) for seconds in (0.0, 0.001, 1 / 70, 1.0)] == [0, 1, 2, 71]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 2 sing\n1 3 nosing\n", r"line 2: the segment begins at 1 s, before that of line 1 ends \(2 s\)"),
        ("0 1 sing\n\n5 2 sing\n", "line 3: the segment ends at 2 s before it starts at 5 s"),
        ("3 4 sing\n0 1 sing\n", "line 2: the segment begins at 0 s, before that of line 1"),
        ("0 1\n", "line 1: '0 1' has 2 parts"),
        ("0 1 sing loud\n", "line 1: '0 1 sing loud' has 4 parts"),
        ("0,5 1 sing\n", "line 1: '0,5 1' are not two times"),
        ("-1 1 sing\n", "line 1: times from -1 to 1 s cannot be meant"),
        ("0 nan sing\n", "line 1: times from 0 to nan s cannot be meant"),
        ("0 1 voice\n", "line 1: the label is 'voice'; expected sing or nosing"),
        ("\n \n", "has no segment"),
    ],
)
def test_bad_lines_are_named_by_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        read_segments(labels(tmp_path, text))
    assert "05 - Crepuscule.lab" in str(error.value)
    assert "\n" not in str(error.value)


def test_labels_of_another_recording_are_refused(tmp_path: Path) -> None:
    path = labels(tmp_path, "0 100 nosing\n100 101 sing\n")
    check_length(path, read_segments(path), 99.5)
    with pytest.raises(InputError, match=r"line 2: the segment begins at 100 s, but the recording has only 60.0 s"):
        check_length(path, read_segments(path), 60.0)


def lists(tmp_path: Path, **names: str) -> Path:
    folder = tmp_path / "filelists"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / split).write_text(names.get(split, f"{split} song.ogg\n"), encoding="utf-8")
    return folder


def test_lists_keep_blanks_and_dots_in_names(tmp_path: Path) -> None:
    found = read_lists(lists(tmp_path, train="05 - Crepuscule.ogg\n\nMs. Zorro v1.2.mp3  \n"))
    assert found["train"] == (("05 - Crepuscule.ogg", 1), ("Ms. Zorro v1.2.mp3", 3))
    assert found["val"] == (("valid song.ogg", 1),)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"valid": "a.ogg\nb.ogg\na.ogg\n"}, r"valid, line 3: 'a.ogg' is listed twice, first in valid, line 1"),
        ({"train": "a.ogg\n", "test": "b.ogg\na.mp3\n"}, r"test, line 2: 'a.mp3' is listed twice, first in train"),
        ({"test": "../a.ogg\n"}, "test, line 1: '../a.ogg' is no file name"),
        ({"train": "\n"}, "train is empty"),
    ],
)
def test_bad_lists_are_named(tmp_path: Path, names: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_lists(lists(tmp_path, **names))


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file filelists/train"):
        read_lists(tmp_path / "filelists")
    (tmp_path / "labels").mkdir()
    with pytest.raises(InputError, match=r"no file labels/x.lab"):
        read_segments(tmp_path / "labels" / "x.lab")
    path = labels(tmp_path, "")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot read"):
        read_segments(path)
