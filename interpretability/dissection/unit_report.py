"""What is known of one unit at one of its poles, as plain data: a line of JSON, a row of a table, a page of the report.

Rates are shares in [0, 1]. What was not measured is None or empty, so that a record made while a model is trained and
one made at the end, with tuning curves and ablation, have the same fields.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 1
"""Version of the record; readers refuse another one."""


@dataclass(frozen=True)
class Excerpt:
    """Where a clip drives a unit most.

    Attributes:
        clip: its name.
        index: its position in the probe set.
        seconds: of the driving frame, from the start of the clip; None for a unit without time, such as an embedding's.
        value: what is read out of the unit there.
    """

    clip: str
    index: int
    seconds: float | None
    value: float


@dataclass(frozen=True)
class Word:
    """A measured adjective.

    Attributes:
        text: the word.
        descriptor: what it is measured by.
        delta: Cliff's delta of the top clips against matched controls.
        q: its false discovery rate.
        edits: whether edits of sound move the unit as the word predicts: "confirmed", "contradicted", "mixed",
            "not seen" or "no prediction"; None where none were made.
    """

    text: str
    descriptor: str
    delta: float
    q: float | None = None
    edits: str | None = None


@dataclass(frozen=True)
class Polysemanticity:
    """Spread of the top clips.

    Attributes:
        excess: spread of the unit's top clips above that of as many random clips.
        z: the excess in standard deviations over such random draws.
        polysemantic: whether the unit counts as polysemantic; None where it could not be tested.
        chance: share of units that would count as polysemantic by chance.
    """

    excess: float
    z: float
    polysemantic: bool | None
    chance: float


@dataclass(frozen=True)
class TuningCurve:
    """Responses of the unit to S stimuli of one family.

    Attributes:
        x: (S,) what varies, in `unit`.
        y: (S,) what is read out of the unit.
        unit: of x.
        peak: where the unit responds most at its pole, between the stimuli.
        width: of the peak at half its height, in octaves where x is on a ratio scale.
        selective: whether the peak stands out from those of random curves; None where it was not tested.
        silence: response to no sound.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    unit: str
    peak: float | None = None
    width: float | None = None
    selective: bool | None = None
    silence: float | None = None


@dataclass(frozen=True)
class EditCurve:
    """What D doses of one family of edits do to the unit on the clips that drive its pole.

    Attributes:
        dose: (D,) ascending, in `unit`.
        effect: (D,) median change beyond that of a sham edit, in standard deviations of the unit over the probe set;
            above 0 drives the pole more.
        moved: (D,) the sign of the effect where it is none by chance (false discovery rate of the layer), else 0.
        unit: of the doses; empty for an edit without dose.
    """

    dose: tuple[float, ...]
    effect: tuple[float | None, ...]
    moved: tuple[int, ...]
    unit: str = ""


@dataclass(frozen=True)
class Ablation:
    """What silencing the unit does to each of C classes, beside random units of its layer and norm.

    Attributes:
        classes: names (C,).
        n: clips (C,) of each class.
        change: change (C,) of the class's mean log-probability on its own clips; None without clips.
        random: mean (C,) of the same over the random units.
        random_std: its standard deviation (C,).
        z: (C,) above 0 where more is lost than by random units.
        accuracy: change of accuracy over all clips.
        draws: random units it was compared with.
        how: "zero" or "mean".
    """

    classes: tuple[str, ...]
    n: tuple[int, ...]
    change: tuple[float | None, ...]
    random: tuple[float | None, ...]
    random_std: tuple[float | None, ...]
    z: tuple[float | None, ...]
    accuracy: float | None
    draws: int
    how: str = "zero"

    @property
    def strongest(self) -> float | None:
        """Largest z of a class."""
        return max((z for z in self.z if z is not None), default=None)


@dataclass(frozen=True)
class HistoryPoint:
    """The unit at an earlier point of the training; `overlap` is that of its top clips with the point before.

    `epoch` is a number from 1, or the part of the first epoch that had passed.
    """

    epoch: float
    label: str | None
    auprc: float | None
    overlap: float | None
    dead: bool = False


@dataclass(frozen=True)
class UnitReport:
    """One unit at one pole: +1 for what raises it, -1 for what lowers a signed unit.

    Attributes:
        layer: dotted module path, or "bottleneck".
        unit: channel.
        pole: +1 or -1.
        label: concept that held up on held-out clips, or None for "no label".
        source: where the concepts come from.
        auprc: of the label on held-out clips; None without a label, as are the figures after it.
        chance: AUPRC of a random unit, the label's share of the held-out clips.
        correlation: Pearson with the label on held-out clips.
        f1: best F1 on held-out clips.
        p: permutation p-value of the label.
        q: its Benjamini-Hochberg level.
        stability: share of bootstraps that give the same label.
        best: concept that came nearest, whether it held up or not.
        words: measured adjectives that held up.
        sentence: words and label as people read them.
        polysemanticity: spread of the top clips, or None.
        dead: whether the unit is constant over the probe set.
        mean, std, low, high: of what is read out of the unit, over the probe set.
        top: clips that drive the pole most, strongest first.
        bottom: clips that drive it least, weakest first.
        descriptors: Cliff's delta of each descriptor, those without a word too.
        tuning: curves by stimulus, or None where not measured.
        edits: what edits of the top clips do, by family, or None where none were made.
        ablation: what silencing does, or None where not measured.
        history: points of the training, first to last.
        settled: epoch since which its top clips have stayed nearly the same from point to point, or None.
    """

    layer: str
    unit: int
    pole: int
    label: str | None
    source: str
    auprc: float | None = None
    chance: float | None = None
    correlation: float | None = None
    f1: float | None = None
    p: float | None = None
    q: float | None = None
    stability: float | None = None
    best: str | None = None
    words: tuple[Word, ...] = ()
    sentence: str = "no label"
    polysemanticity: Polysemanticity | None = None
    dead: bool = False
    mean: float = 0.0
    std: float = 0.0
    low: float = 0.0
    high: float = 0.0
    top: tuple[Excerpt, ...] = ()
    bottom: tuple[Excerpt, ...] = ()
    descriptors: Mapping[str, float] = field(default_factory=dict)
    tuning: Mapping[str, TuningCurve] | None = None
    edits: Mapping[str, EditCurve] | None = None
    ablation: Ablation | None = None
    history: tuple[HistoryPoint, ...] = ()
    settled: float | None = None

    @property
    def key(self) -> str:
        """Name of the unit and pole within a run: `layer/unit+` or `layer/unit-`."""
        return f"{self.layer}/{self.unit}{'+' if self.pole > 0 else '-'}"


def to_plain(report: UnitReport) -> dict[str, Any]:
    """Return a record as plain data, numbers with six digits; what is not finite becomes None."""
    return {"version": VERSION, **_plain(dataclasses.asdict(report))}


def from_plain(data: Mapping[str, Any]) -> UnitReport:
    """Return the record that `to_plain` wrote.

    Raises:
        ValueError: Written by another version, or not such a record.
    """
    if data.get("version") != VERSION:
        raise ValueError(f"unit report of version {data.get('version')}, not {VERSION}")
    fields = {name: value for name, value in data.items() if name != "version"}
    try:
        tuning, edits = fields.pop("tuning"), fields.pop("edits", None)  # records of before have no edits
        return UnitReport(
            words=tuple(Word(**word) for word in fields.pop("words")),
            polysemanticity=_made(Polysemanticity, fields.pop("polysemanticity")),
            top=tuple(Excerpt(**excerpt) for excerpt in fields.pop("top")),
            bottom=tuple(Excerpt(**excerpt) for excerpt in fields.pop("bottom")),
            tuning=None if tuning is None else {name: _made(TuningCurve, curve) for name, curve in tuning.items()},
            edits=None if edits is None else {name: _made(EditCurve, curve) for name, curve in edits.items()},
            ablation=_made(Ablation, fields.pop("ablation")),
            history=tuple(HistoryPoint(**point) for point in fields.pop("history")),
            **fields,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a unit report: {error}") from error


def _made(kind: Any, data: Mapping[str, Any] | None) -> Any:  # noqa: ANN401 - any of the records above
    """Return a record from plain data, lists as tuples."""
    if data is None:
        return None
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})


def _plain(value: Any) -> Any:  # noqa: ANN401 - any plain data
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
