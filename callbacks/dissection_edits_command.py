"""Edits of sound added to a finished dissection: `python -m callbacks.dissection_edits_command RUN`.

The records in `dissection/end.jsonl` and the pages of the units get what edits of their top clips do; the table that is
printed says how many measured words were confirmed, beside words dealt out at random. `explain.py what=units` with
`edits=true`, and `callbacks.dissection.edits=true` while training, do the same at once.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from callbacks.benchmark_clips import data_of
from callbacks.dissection_edits import EditedLayer, edited, table, with_edits
from callbacks.dissection_files import END, read_lines, write_lines
from callbacks.dissection_taps import taps_of
from callbacks.probe_clips import ProbeClips
from configs.errors import InputError
from configs.script_line import one_line_errors
from interpretability.dissection.unit_report import UnitReport, to_plain
from models.run_loading import load_run
from report.build import build
from report.dissection_file import FOLDER, UnitsFile, load_units, save_units


def edit_units(run_path: str | Path) -> dict[str, EditedLayer]:
    """Edit the clips that drive the units of a dissected run, add that to its records, and return it by layer.

    Raises:
        CommandError: No run folder.
        InputError: A run without a finished dissection, or whose clips are not those of the dissection any more.
    """
    run = load_run(run_path)
    units = load_units(run.path)
    path = run.path / FOLDER / f"{END}.jsonl"
    if units is None or not path.is_file():
        raise InputError(
            f"{run_path}: no finished dissection in it; python explain.py run={run_path} what=units makes one"
        )
    probes = ProbeClips.choose(data_of(run), len(units.clips))
    if probes.names != tuple(clip.name for clip in units.clips):
        raise InputError(
            f"{run_path}: its validation clips are not those of the dissection; make it again with explain.py"
        )
    reports = read_lines(path)
    taps = taps_of(run.model, list(dict.fromkeys(report.layer for report in reports)))
    found = edited(run.model, taps, reports, probes, units.read_out)
    reports = with_edits(reports, found)
    write_lines(run.path, END, reports)
    save_units(run.path, _shown(units, reports))
    return found


def _shown(units: UnitsFile, reports: Sequence[UnitReport]) -> UnitsFile:
    """Return the gallery with edits and verdicts; its units play fewer clips than the records name."""
    plain = {(report.layer, report.unit, report.pole): to_plain(report) for report in reports}
    found = []
    for unit in units.units:
        record = plain.get((unit["layer"], unit["unit"], unit["pole"]), unit)
        found.append({**unit, "edits": record.get("edits"), "words": record["words"]})
    return dataclasses.replace(units, units=found)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    about = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m callbacks.dissection_edits_command", description=about)
    parser.add_argument("run", help="run folder with a finished dissection")
    options = parser.parse_args(arguments)
    print(table(edit_units(options.run)), end="")
    build(Path(options.run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
