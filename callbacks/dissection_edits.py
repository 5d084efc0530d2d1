"""What edits of sound do to units, and whether measured words survive them.

The clips that drive each pole of each unit are shifted in pitch, filtered, made louder, slowed, reversed, mixed with
noise and split into parts, beside sham edits of the same clips. A word such as "bright" is confirmed if the unit moves
as it predicts. Chance is what the words of other units of the layer, dealt out at random, would be called.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from callbacks.dissection_concepts import described
from callbacks.dissection_taps import Taps, run_of
from callbacks.probe_clips import ProbeClips
from interpretability.dissection.unit_report import EditCurve, UnitReport
from interpretability.stimuli.edit_effects import FEWEST, EditEffects, edit_effects
from interpretability.stimuli.edit_list import usual_edits
from interpretability.stimuli.edits import fitted
from interpretability.stimuli.word_test import WordTest, check_word
from models.classifier import AudioClassifier
from report.markdown_table import table as markdown_table

DRAWS = 20
"""Times that words are dealt out anew among the units of a layer."""


@dataclass(frozen=True)
class EditedLayer:
    """Reports (R) of the poles of one layer, what edits do to them (R rows), and the tests of their words."""

    reports: Sequence[UnitReport]
    effects: EditEffects
    words: Sequence[Sequence[WordTest]]


def edited(
    model: AudioClassifier[Any], taps: Taps, reports: Sequence[UnitReport], probes: ProbeClips, read_out: str
) -> dict[str, EditedLayer]:
    """Edit the clips that drive units; return by layer what that does to each pole with clips enough to be tested.

    Args:
        model: the classifier; it is left as it was.
        taps: its layers.
        reports: of them, with the positions of their top clips in the probe set.
        probes: the clips.
        read_out: as the units were measured.
    """
    by_layer: dict[str, list[UnitReport]] = {}
    for report in reports:
        if not report.dead and len(report.top) >= FEWEST:
            by_layer.setdefault(report.layer, []).append(report)
    centre = float(described(probes)["centroid"].nanmedian()) if by_layer else math.nan
    if not 0 < centre < probes.sample_rate / 2:
        return {}  # no unit has clips enough, or the clips are silent
    sounds = [probes.sound(position) for position in range(len(probes))]
    longest = max(len(sound) for sound in sounds)
    clips = torch.cat([fitted(sound[None], longest) for sound in sounds])  # shorter ones are repeated, not padded
    edits = usual_edits(centre, probes.sample_rate)
    top = {layer: _rows(rows) for layer, rows in by_layer.items()}
    found = edit_effects(model, top, clips, probes.sample_rate, edits, read_out, taps.axes, run=run_of(model))
    return {
        layer: EditedLayer(rows, found[layer], [words_of(report, found[layer], row) for row, report in enumerate(rows)])
        for layer, rows in by_layer.items()
    }


def with_edits(reports: Sequence[UnitReport], layers: Mapping[str, EditedLayer]) -> list[UnitReport]:
    """Return the records with the curves of their edits and the verdicts on their words; others as they are."""
    found = {
        report.key: dataclasses.replace(
            report,
            edits=curves(layer.effects, row, report.pole),
            words=tuple(
                dataclasses.replace(word, edits=test.verdict)
                for word, test in zip(report.words, layer.words[row], strict=True)
            ),
        )
        for layer in layers.values()
        for row, report in enumerate(layer.reports)
    }
    return [found.get(report.key, report) for report in reports]


def curves(effects: EditEffects, row: int, pole: int) -> dict[str, EditCurve]:
    """Return family -> doses and effects of one row, above 0 where an edit drives the pole more."""
    families: dict[str, list[tuple[float, float, int, str]]] = {}
    values = zip(effects.edits, effects.difference[:, row].tolist(), effects.sign[:, row].tolist(), strict=True)
    for edit, effect, sign in values:
        families.setdefault(edit.family, []).append((edit.dose, pole * effect, pole * sign, edit.unit))
    found = {}
    for family, points in families.items():
        doses, changes, moved, units = zip(*sorted(points), strict=True)
        found[family] = EditCurve(doses, tuple(float(f"{each:.4g}") for each in changes), moved, units[0])
    return found


def words_of(report: UnitReport, effects: EditEffects, row: int, said: UnitReport | None = None) -> list[WordTest]:
    """Test the words of a record, or those that another one says, on the effects of edits on its unit."""
    words = (said or report).words
    return [check_word(effects, row, word.descriptor, word.delta > 0, report.pole) for word in words]


def table(layers: Mapping[str, EditedLayer]) -> str:
    """Return what became of the words of each layer as Markdown, beside words dealt out at random."""
    head = ["layer", "units and poles", "moved by an edit %", "words with a prediction", "confirmed %", "by chance %"]
    head += ["contradicted %", "by chance %", "not seen %"]
    rows = []
    for name, layer in layers.items():
        own, dealt = counted(layer.words), _dealt(layer)
        total, chance = max(sum(own.values()), 1), max(sum(dealt.values()), 1)
        moved = 100 * float((layer.effects.sign != 0).any(dim=0).float().mean())
        cells = [name, str(len(layer.reports)), f"{moved:.1f}", str(sum(own.values()))]
        for verdict in ("confirmed", "contradicted"):
            cells += [f"{100 * own[verdict] / total:.1f}", f"{100 * dealt[verdict] / chance:.1f}"]
        rows.append([*cells, f"{100 * own['not seen'] / total:.1f}"])
    return "\n".join(markdown_table(head, rows, n_left=len(head))) + "\n"


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
