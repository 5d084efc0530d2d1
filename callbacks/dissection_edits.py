"""Measured words of units tested by edits of sound: `python -m callbacks.dissection_edits RUN`.

Takes a run with a finished dissection. The clips that drive each pole of each unit are shifted in pitch, filtered, made
louder, slowed, reversed, mixed with noise and split into parts; what moves the unit, beside sham edits of the same
clips, goes to `dissection/edits.jsonl`. A word such as "bright" is confirmed if the unit moves as it predicts. Chance
is what the words of other units of the layer, dealt out at random, would be called.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from callbacks.benchmark_clips import data_of
from callbacks.dissection_concepts import described
from callbacks.dissection_files import END, read_lines
from callbacks.dissection_taps import run_of, taps_of
from callbacks.probe_clips import ProbeClips
from configs.errors import InputError
from interpretability.dissection.unit_report import UnitReport
from interpretability.stimuli.edit_effects import FEWEST, EditEffects, edit_effects
from interpretability.stimuli.edit_list import usual_edits
from interpretability.stimuli.edits import fitted
from interpretability.stimuli.word_test import WordTest, check_word
from models.run_loading import load_run
from report.dissection_file import FOLDER, load_units
from report.run_folder import replace_file

DRAWS = 20
"""Times that words are dealt out anew among the units of a layer."""


@dataclass(frozen=True)
class EditedLayer:
    """Reports (R) of the poles of one layer, what edits do to them (R rows), and the tests of their words."""

    reports: Sequence[UnitReport]
    effects: EditEffects
    words: Sequence[Sequence[WordTest]]


def edit_units(run_path: str | Path) -> dict[str, EditedLayer]:
    """Edit the clips that drive the units of a dissected run, and write `dissection/edits.jsonl`; return it by layer.

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
    sounds = [probes.sound(position) for position in range(len(probes))]
    longest = max(len(sound) for sound in sounds)
    clips = torch.cat([fitted(sound[None], longest) for sound in sounds])  # shorter ones are repeated, not padded
    edits = usual_edits(float(described(probes)["centroid"].nanmedian()), probes.sample_rate)
    by_layer: dict[str, list[UnitReport]] = {}
    for report in read_lines(path):
        if not report.dead and len(report.top) >= FEWEST:
            by_layer.setdefault(report.layer, []).append(report)
    top = {layer: _rows(reports) for layer, reports in by_layer.items()}
    axes = taps_of(run.model, list(by_layer)).axes
    found = edit_effects(run.model, top, clips, probes.sample_rate, edits, units.read_out, axes, run=run_of(run.model))
    result = {
        layer: EditedLayer(
            reports, found[layer], [words_of(report, found[layer], row) for row, report in enumerate(reports)]
        )
        for layer, reports in by_layer.items()
    }
    lines = [json.dumps(line, separators=(",", ":")) for layer in result.values() for line in records(layer)]
    replace_file(run.path / FOLDER / "edits.jsonl", "".join(f"{line}\n" for line in lines).encode())
    return result


def words_of(report: UnitReport, effects: EditEffects, row: int, said: UnitReport | None = None) -> list[WordTest]:
    """Test the words of a record, or those that another one says, on the effects of edits on its unit."""
    words = (said or report).words
    return [check_word(effects, row, word.descriptor, word.delta > 0, report.pole) for word in words]


def records(layer: EditedLayer) -> list[dict[str, Any]]:
    """Return plain data of each row: effects by family, in deviations of the unit, and the verdict of each word."""
    rows = []
    for row, (report, tests) in enumerate(zip(layer.reports, layer.words, strict=True)):
        curves = {
            family: {"dose": doses, "effect": [round(value, 4) for value in values]}
            for family, (doses, values) in layer.effects.dose_response(row).items()
        }
        words = [
            {"text": word.text, "descriptor": word.descriptor, "verdict": test.verdict, "agree": test.agree,
             "contradict": test.contradict}
            for word, test in zip(report.words, tests, strict=True)
        ]  # fmt: skip
        moved = [
            edit.name
            for edit, sign in zip(layer.effects.edits, layer.effects.sign[:, row].tolist(), strict=True)
            if sign
        ]
        rows.append({"layer": report.layer, "unit": report.unit, "pole": report.pole, "moved_by": moved,
                     "edits": curves, "words": words})  # fmt: skip
    return rows


def table(layers: Mapping[str, EditedLayer]) -> str:
    """Return what became of the words of each layer as Markdown, beside words dealt out at random."""
    head = ["layer", "units and poles", "words with a prediction", "confirmed %", "by chance %", "contradicted %"]
    head += ["by chance %", "not seen %"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for name, layer in layers.items():
        own, dealt = counted(layer.words), _dealt(layer)
        total, chance = max(sum(own.values()), 1), max(sum(dealt.values()), 1)
        cells = [name, str(len(layer.reports)), str(sum(own.values()))]
        for verdict in ("confirmed", "contradicted"):
            cells += [f"{100 * own[verdict] / total:.1f}", f"{100 * dealt[verdict] / chance:.1f}"]
        lines.append("| " + " | ".join([*cells, f"{100 * own['not seen'] / total:.1f}"]) + " |")
    return "\n".join(lines) + "\n"


def counted(words: Sequence[Sequence[WordTest]]) -> Counter[str]:
    """Count the verdicts of words for which edits predict something."""
    return Counter(test.verdict for tests in words for test in tests if test.predicted)


def _dealt(layer: EditedLayer) -> Counter[str]:
    """Verdicts of the words of other units of the layer with the same pole, over all draws."""
    generator, found = torch.Generator().manual_seed(0), Counter[str]()
    for _ in range(DRAWS):
        for pole in (1, -1):
            rows = [row for row, report in enumerate(layer.reports) if report.pole == pole]
            for row, other in zip(rows, torch.randperm(len(rows), generator=generator).tolist(), strict=True):
                said = layer.reports[rows[other]]
                found += counted([words_of(layer.reports[row], layer.effects, row, said)])
    return found


def _rows(reports: Sequence[UnitReport]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(report.top) for report in reports)
    clips = [[excerpt.index for excerpt in report.top] for report in reports]
    padded = [row + [-1] * (width - len(row)) for row in clips]
    return torch.tensor([report.unit for report in reports]), torch.tensor(padded)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    about = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m callbacks.dissection_edits", description=about)
    parser.add_argument("run", help="run folder with a finished dissection")
    options = parser.parse_args(arguments)
    try:
        print(table(edit_units(options.run)), end="")
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
