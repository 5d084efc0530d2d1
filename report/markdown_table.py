"""Tables as Markdown that read the same whatever classes, clips and runs are called."""

import re
from collections.abc import Iterable, Sequence

MARKUP = re.compile(
    r"[\\`|\[\]~$]"
    r"|(?<=\S)\*|\*(?=\S)"  # a lone asterisk is a mark of our own
    r"|(?<![^\W_])_|_(?![^\W_])"  # inside a word an underscore means nothing
)
"""What Markdown would not show as it is."""
ENTITY = re.compile(r"&(?=#?\w+;)")
"""The ampersand of what a browser would show as another character."""

Section = tuple[str, list[str], list[list[str]], str]
"""Title, heads and rows of a table, and a sentence below."""


def plain(text: str) -> str:
    """Return what Markdown shows as `text`, in one line: no markup, no HTML, no end of a table's cell."""
    line = " ".join(text.splitlines())
    return ENTITY.sub("&amp;", MARKUP.sub(r"\\\g<0>", line)).replace("<", "&lt;")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], n_left: int = 1) -> list[str]:
    """Return the lines of a table; the first `n_left` columns stand at the left, figures at the right."""
    aligned = ["---"] * n_left + ["---:"] * (len(heads) - n_left)
    return [_line(map(plain, heads)), _line(aligned), *(_line(plain(str(cell)) for cell in row) for row in rows)]


def sections(found: Iterable[Section]) -> list[str]:
    """Return the lines of tables, each under its title and above its sentence."""
    lines = []
    for title, heads, rows, sentence in found:
        lines += [f"## {plain(title)}", "", *table(heads, rows), "", plain(sentence), ""]
    return lines


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
