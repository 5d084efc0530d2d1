"""Names of any kind in Markdown, read back by a parser of CommonMark with tables and strikethrough."""

import pytest
from markdown_it import MarkdownIt

from report.markdown_table import plain, sections, table

NAMES = (
    "dog_bark",
    "a|b",
    "a\\|b",
    "C:\\new\\",
    "`code` and ``more``",
    "<script>alert(1)</script>",
    "<b>loud</b> & <!-- quiet -->",
    "R&B, &lt;i&gt; &#60; &amp;",
    "*siren* **x** a*b*c 2 * 3 *",
    "__init__ _quiet_ a__b _",
    "![image](http://host/x.png) [link][1]",
    "~~gone~~ $x$",
    "naïve 犬 ↑",
)
MARKUP = {"html_inline", "html_block", "code_inline", "em_open", "strong_open", "s_open", "link_open", "image"}


def shown(markdown):
    """Cells of all tables as text, and the kinds of everything else that is marked up in them."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    inline = [token for token in tokens if token.type == "inline"]
    texts = ["".join(child.content for child in token.children) for token in inline]
    return texts, {child.type for token in inline for child in token.children} | {token.type for token in tokens}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is_and_stays_in_its_cell(name):
    texts, kinds = shown("\n".join(table([name, "n"], [[name, 3], ["other", 4]])))
    assert texts == [name, "n", name, "3", "other", "4"]
    assert not kinds & MARKUP


def test_lines_within_a_name_become_one():
    assert plain("one\ntwo\r\nthree\u2028four") == "one two three four"
    assert shown("\n".join(table(["class"], [["<a\nb>"], ["c"]])))[0] == ["class", "<a b>", "c"]


def test_usual_names_and_marks_stay_readable():
    for usual in ("dog_bark", "crying baby", "+0.10 (0.05 to 0.15) *", "R&B", "fold 1, seed 2", "–"):
        assert plain(usual) == usual


def test_columns_are_aligned_as_asked():
    assert table(["class", "score", "n"], [["dog", "0.5", 3]], n_left=2) == [
        "| class | score | n |",
        "| --- | --- | ---: |",
        "| dog | 0.5 | 3 |",
    ]


def test_a_section_has_its_title_table_and_sentence():
    lines = sections([("Of a|b", ["class", "n"], [["a|b", "3"]], "All of <a>.")])
    assert lines == ["## Of a\\|b", "", "| class | n |", "| --- | ---: |", "| a\\|b | 3 |", "", "All of &lt;a>.", ""]
