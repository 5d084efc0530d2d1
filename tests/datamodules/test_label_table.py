from pathlib import Path

import pytest

from configs.errors import InputError
from datamodules.label_table import file_inside, read_table


def table(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_rows_keep_quotes_markup_and_line_numbers(tmp_path):
    text = '\ufeffpath,label\r\na.wav,"say ""hi"", <b>"\r\n\r\n "b.wav",x\r\nc.wav,"two\nlines"\r\nd.wav,נביחה\r\n'
    read = read_table(table(tmp_path, text.replace(' "b.wav"', " b.wav ")), ("path", "label"))
    assert [row["label"] for row in read.rows] == ['say "hi", <b>', "x", "two\nlines", "נביחה"]
    assert [row["path"] for row in read.rows] == ["a.wav", "b.wav", "c.wav", "d.wav"]
    assert [row.line for row in read.rows] == [2, 4, 6, 7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("path,label\n", "no rows"),
        ("file,label\na,b\n", "no column path; it has file, label"),
        ("path,path,label\na,b,c\n", "two columns named 'path'"),
        ("path,label\na,b\nc\n", "line 3: 1 cells where the header has 2"),
        ('path,label\na,"b\n', "as UTF-8 CSV"),
        (b"path,label\n\xff\xfe,b\n", "as UTF-8 CSV"),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        read_table(table(tmp_path, text), ("path", "label"))
    assert "table.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_absent_table_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no table at .*nothing\.csv"):
        read_table(tmp_path / "nothing.csv", ("path",))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../x.wav", "leads out"),
        ("a/../../x.wav", "leads out"),
        ("..\\x.wav", "leads out"),
        ("/etc/x.wav", "absolute"),
        ("C:\\x.wav", "absolute"),
        ("\\\\server\\x.wav", "absolute"),
        ("", "not a file name"),
        ("a\0b.wav", "not a file name"),
        ("out.wav", "a link that leads out"),
        ("folder/x.wav", "a link that leads out"),
        ("loop.wav", "cannot be followed"),
    ],
)
def test_paths_outside_the_root_are_refused(tmp_path, name, message):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "x.wav").touch()
    (root / "out.wav").symlink_to(tmp_path / "x.wav")
    (root / "folder").symlink_to(tmp_path)
    (root / "loop.wav").symlink_to(root / "loop.wav")
    with pytest.raises(InputError, match=message):
        file_inside(root, name)


def test_paths_inside_the_root_pass_also_where_the_root_is_a_link(tmp_path):
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert file_inside(tmp_path / "root", "sub/./x..y.wav") == (tmp_path / "real/sub/x..y.wav").resolve()


def test_duplicates_and_missing_files_are_named(tmp_path):
    (tmp_path / "a.wav").touch()
    (tmp_path / "b.wav").symlink_to(tmp_path / "a.wav")
    twice = read_table(table(tmp_path, "path\na.wav\n./a.wav\n"), ("path",))
    with pytest.raises(InputError, match=r"line 3: './a.wav' is in the table twice, first on line 2"):
        twice.files(tmp_path, "path")
    linked = read_table(table(tmp_path, "path\na.wav\nb.wav\n"), ("path",))
    with pytest.raises(InputError, match="twice"):
        linked.files(tmp_path, "path")
    missing = read_table(table(tmp_path, "path\na.wav\nc.wav\nd.wav\n"), ("path",))
    with pytest.raises(InputError, match=r"line 3: no file 'c.wav' in .* \(and 1 more\)"):
        missing.files(tmp_path, "path")
