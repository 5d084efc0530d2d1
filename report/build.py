"""The report of a run: one folder of static pages that any browser opens from the disk, with the network off.

`python -m report.build RUN [RUN ...]` renders a run again, or compares several.
"""

import argparse
import contextlib
import errno
import itertools
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from configs.errors import CommandError, InputError
from configs.script_line import one_line_errors
from report import (
    benchmark_page,
    curves,
    dissection_pages,
    generations,
    interpretations,
    layer_causes_pages,
    layer_pages,
    listening_pages,
    run_pages,
    sanity_table,
    unlearning_table,
)
from report.comparison import compare
from report.listening_data import clip_files
from report.page import File, Page
from report.run_contents import read_run

HERE = Path(__file__).parent
MARK = "soundglass-report.txt"
"""File that says that a folder is a report and may be replaced by a newer one."""

PAGES: tuple[Page, ...] = (
    Page("index.html", "Overview", "index.html.j2", run_pages.overview_context),
    Page("clips.html", "Clips", "clips.html.j2", listening_pages.clips_context, clip_files),
    Page("clip.html", "Clip", "clip.html.j2", listening_pages.desk_context, parent="clips.html"),
    Page("classes.html", "Classes", "classes.html.j2", listening_pages.classes_context),
    Page("class.html", "Class", "class.html.j2", listening_pages.desk_context, parent="classes.html"),
    Page(
        "components.html",
        "Components",
        "components.html.j2",
        listening_pages.components_context,
        listening_pages.components_files,
    ),
    Page("units.html", "Units", "units.html.j2", dissection_pages.units_context, dissection_pages.units_files),
    Page("unit.html", "Unit", "unit.html.j2", dissection_pages.unit_context, parent="units.html"),
    Page("layers.html", "Layers", "layers.html.j2", layer_pages.layers_context, layer_pages.layers_files),
    Page(
        "layers_training.html",
        "Layers through the training",
        "layers_training.html.j2",
        layer_pages.training_context,
        layer_pages.training_files,
        parent="layers.html",
    ),
    Page(
        "layers_moved.html",
        "What latents move",
        "layers_moved.html.j2",
        layer_causes_pages.moved_context,
        layer_causes_pages.moved_files,
        parent="layers.html",
    ),
    Page(
        "layers_causes.html",
        "Where it is made",
        "layers_causes.html.j2",
        layer_causes_pages.causes_context,
        layer_causes_pages.causes_files,
        parent="layers.html",
    ),
    Page(
        "layers_doses.html",
        "What graded sounds move",
        "layers_doses.html.j2",
        layer_causes_pages.doses_context,
        layer_causes_pages.doses_files,
        parent="layers.html",
    ),
    Page(
        "generations.html",
        "Generations",
        "generations.html.j2",
        generations.generations_context,
        generations.generations_files,
    ),
    Page("generation.html", "Unit", "generation.html.j2", generations.generation_context, parent="generations.html"),
    Page(
        "generations_interpretations.html",
        "Interpretations against real clips",
        "generations_interpretations.html.j2",
        interpretations.context,
        interpretations.files,
        parent="generations.html",
    ),
    Page("explanations.html", "Explanations", "explanations.html.j2", benchmark_page.context, benchmark_page.files),
    Page("sanity.html", "Sanity", "sanity.html.j2", sanity_table.context),
    Page("unlearning.html", "Unlearning", "unlearning.html.j2", unlearning_table.context, unlearning_table.files),
    Page("curves.html", "Curves", "curves.html.j2", curves.context, curves.files),
    Page("run.html", "Run", "run.html.j2", run_pages.run_context),
)
"""The pages in the order of the menu; an instrument adds its own here."""


def build(
    run_folder: Path | str,
    output: Path | str | None = None,
    explanations: Path | str | None = None,
    pages: Sequence[Page] = PAGES,
) -> Path:
    """Render the report of a run from what lies in its folder.

    Args:
        run_folder: a run, finished or not; files that are missing leave their part of the report out.
        output: folder to write, by default `run_folder`/report; an earlier report there is replaced as a whole.
        explanations: folder whose media/listening holds model, classes and clips, by default `run_folder`.
        pages: what to render.

    Returns:
        The path of index.html.

    Raises:
        InputError: There is no such run, or the report cannot be written.
        CommandError: `output` exists and is not a report.
    """
    run = read_run(Path(run_folder), Path(explanations) if explanations is not None else None)
    shown = [(page, context) for page in pages if (context := page.context(run)) is not None]
    menu = [page for page, _ in shown if page.in_menu]

    def files() -> Iterator[File]:
        for page, context in shown:
            values = {"run": run, "page": page, "menu": menu, "pages": {p.file for p, _ in shown}, **context}
            yield page.file, render(page.template, values)
            yield from page.files(run)

    return write(files(), Path(output) if output is not None else run.folder / "report")


def build_comparison(run_folders: Iterable[Path | str], output: Path | str) -> Path:
    """Render one page that puts two or more runs side by side, and return its path; errors as `build`."""
    folders = [Path(folder) for folder in run_folders]
    if len(folders) < 2:
        raise CommandError("a comparison needs at least two runs")
    runs = [read_run(folder) for folder in folders]
    target = Path(output)
    context, data = compare(runs, target)
    return write([("index.html", render("comparison.html.j2", context)), *data], target)


def render(template: str, values: Mapping[str, Any]) -> bytes:
    """Return a page in which every value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    environment.filters["signed"] = lambda value: f"{'−' if value < 0 else '+'}{abs(value):.2f}"
    return environment.get_template(template).render(values).encode("utf-8", "replace")


def write(files: Iterable[File], output: Path) -> Path:
    """Write a report beside `output`, then put it in its place, so that nobody opens half of one.

    Where several processes write the same report at once, that of one of them stays.

    Raises:
        InputError: The disk is full or the folder cannot be written.
        CommandError: `output` exists and is not a report.
    """
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        if _is_somebody_elses(output):
            raise CommandError(f"{output} exists and is not a report; choose another output folder")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(HERE / "assets", partial / "assets")
        (partial / MARK).write_text("Made by Soundglass; replaced as a whole by the next report.\n", encoding="utf-8")
        for name, content in files:
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            (partial / name).write_bytes(content)
        _put(partial, output)
    except OSError as error:
        raise InputError(f"the report {output} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return output / "index.html"


def _is_somebody_elses(output: Path) -> bool:
    """Whether something lies at a path that is neither a report nor an empty folder."""
    try:
        names = {path.name for path in output.iterdir()}
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        return True
    return bool(names) and MARK not in names


def _put(partial: Path, output: Path) -> None:
    """Put a folder in the place of another, which is never seen half deleted; again where others do so as well."""
    old = partial.with_suffix(".old")
    for last in (*itertools.repeat(False, 20), True):
        with contextlib.suppress(FileNotFoundError):
            output.rename(old)
        shutil.rmtree(old, ignore_errors=True)
        try:
            partial.rename(output)
            return
        except OSError as error:
            if last or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m report.build", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("run", nargs="+", help="run folder; several are compared on one page")
    parser.add_argument("--output", help="folder to write (default: RUN/report; needed for a comparison)")
    options = parser.parse_args(arguments)
    if len(options.run) > 1 and not options.output:
        raise CommandError("a comparison needs --output")
    index = (
        build_comparison(options.run, options.output) if len(options.run) > 1 else build(options.run[0], options.output)
    )
    print(index)
    return 0


if __name__ == "__main__":
    sys.exit(main())
