"""Where the pages of a benchmark go: into the report of its run, or into one of their own for several runs."""

from collections.abc import Sequence
from pathlib import Path

from report.benchmark_page import TABLE, page_context, read_result, sound_files
from report.build import build, render, write


def build_page(runs: Sequence[Path], output: Path) -> Path:
    """Render the page of a benchmark and return its path.

    A benchmark of one run in its own folder becomes a page of the run's report, any other a report in `output`.

    Raises:
        InputError: The report cannot be written.
        CommandError: `output`/report exists and is not a report.
    """
    if len(runs) == 1 and output.resolve() == (runs[0] / TABLE).parent.resolve():
        return build(runs[0]).with_name("explanations.html")
    result = read_result(output / "explanations.json")
    assert result is not None  # noqa: S101 - it has just been written
    page = render("explanations_alone.html.j2", page_context(result))
    return write([("index.html", page), *sound_files(result, output)], output / "report")
