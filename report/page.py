"""What a page of the report is. An instrument adds its own by a template, a context and a line in report/build.py."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from report.run_contents import RunContents

File = tuple[str, bytes]
"""Path inside the report folder, and content; `report.embed.script_file` makes those that pages read as data."""


def no_files(run: RunContents) -> Iterator[File]:
    """Yield nothing: for pages that need no data beyond their own text."""
    yield from ()


@dataclass(frozen=True)
class Page:
    """One page: `file` in the report folder, `title` in the menu, `template` in report/pages.

    `context` returns what the template shows, or None where the run holds nothing for it: the page is then left out of
    the report and of the menu. `files` yields the data that the page reads when it is open. Pages that are reached from
    another one are not `in_menu`; `parent` is then the file of that one.
    """

    file: str
    title: str
    template: str
    context: Callable[[RunContents], Mapping[str, Any] | None]
    files: Callable[[RunContents], Iterator[File]] = no_files
    parent: str | None = None

    @property
    def in_menu(self) -> bool:
        """Whether the menu of every page shows it."""
        return self.parent is None
