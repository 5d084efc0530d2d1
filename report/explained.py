"""What the report shows of a model and of the clips it explained: plain arrays, and their files in a run folder.

The listening instruments write these, at any time of a training, into `RUN/media/listening/`:

    model.npz             one ExplainedModel
    classes.npz           one ExplainedClasses
    clips/<name>.npz      one ExplainedClip each; a clip that is explained again replaces its file

`report.build.build(RUN)` renders whatever lies there. All files are read without pickle.
"""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from report.array_file import file_name, read_fields, write_fields

Floats = npt.NDArray[np.floating[Any]]

FOLDER = Path("media") / "listening"
POOLINGS = ("statistics", "max", "mean", "attention", "class_attention")


@dataclass(frozen=True)
class ExplainedModel:
    """The part of a by-design model that turns activations into sound and scores; one per run.

    `front_end` holds FrontEnd.settings (sample_rate, n_fft, hop_length, ...). `dictionary` W (F, K); `scale` (K,) the
    level by which activations are divided before pooling; `weight` (C, P, K) with P = 1 for class_attention; `prior`
    (C,) or None. `attention` is the state_dict of an AttentionPooling as numpy: value.weight and gate.weight
    (width, K, 1), value.bias and gate.bias (width,), score.weight (1 or C, width, 1), score.bias (1 or C,).
    """

    experiment: str
    run_id: str
    class_names: tuple[str, ...]
    multi_label: bool
    front_end: dict[str, Any]
    dictionary: Floats
    scale: Floats
    weight: Floats
    prior: Floats | None
    pooling: str
    statistic_names: tuple[str, ...]
    attention: dict[str, Floats] | None = None
    attention_from: str = "activations"

    def __post_init__(self) -> None:
        """Check that the shapes belong together.

        Raises:
            ValueError: A shape or name that does not fit the others.
        """
        n_classes, n_components = len(self.class_names), self.dictionary.shape[1]
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling {self.pooling!r} is none of {', '.join(POOLINGS)}")
        statistics = 1 if self.pooling == "class_attention" else len(self.statistic_names)
        if self.weight.shape != (n_classes, statistics, n_components):
            raise ValueError(f"weight {self.weight.shape}, expected {(n_classes, statistics, n_components)}")
        if self.scale.shape != (n_components,):
            raise ValueError(f"scale {self.scale.shape}, expected {(n_components,)}")
        if self.prior is not None and self.prior.shape != (n_classes,):
            raise ValueError(f"prior {self.prior.shape}, expected {(n_classes,)}")

    @property
    def can_rescore(self) -> bool:
        """Whether scores follow from activations alone; not so where attention was computed from the maps."""
        return not ("attention" in self.pooling and self.attention_from == "maps")


@dataclass(frozen=True)
class ExplainedClip:
    """One clip as the model heard it, with all the report needs to play its parts.

    `name` is unique within a split. `waveform` (N,) float in [-1, 1], normalised as by FrontEnd.normalize;
    `activations` H (K, T), T = 1 + N // hop_length, of which the first `n_frames` hold sound (zero after them);
    `logits` (C,) of the model; `target` the true classes, None if unknown. A long recording that was heard in several
    windows gives their [first, last + 1) frames as `windows` (V, 2): its logits are the mean over the windows'.
    `relevance` (C, K) is r with its largest |r| of each class at 1, None to let the report compute it.
    """

    name: str
    split: str
    waveform: Floats
    activations: Floats
    logits: Floats
    target: tuple[int, ...] | None
    n_frames: int
    note: str = ""
    windows: tuple[tuple[int, int], ...] = ()
    relevance: Floats | None = None

    @property
    def key(self) -> str:
        """Name of the clip's files and of its place in the report: letters, digits, '-' and '_' only."""
        return file_name(f"{self.split}/{self.name}")


@dataclass(frozen=True)
class Excerpt:
    """A second or so in which a component is typically heard: `waveform` (n,) as the model hears it, from `start_s`."""

    component: int
    clip: str
    start_s: float
    waveform: Floats


@dataclass(frozen=True)
class ExplainedClasses:
    """The global view: what each class is made of over many clips.

    `relevance` (C, K) is the mean r over the clips predicted as the class, NaN where there was none; `n_predicted`
    (C,) counts those clips. `accuracy` (C,) is the class's recall (or average precision) on `split`, NaN if unknown,
    with `n_true` (C,) clips that truly hold the class.
    """

    relevance: Floats
    n_predicted: npt.NDArray[np.integer[Any]]
    split: str = "val"
    typical: tuple[Excerpt, ...] = ()
    accuracy: Floats | None = None
    n_true: npt.NDArray[np.integer[Any]] | None = None
    note: str = ""


@dataclass(frozen=True)
class Explanations:
    """Everything of a run that can be heard; a part that was not written is None or empty."""

    model: ExplainedModel | None = None
    classes: ExplainedClasses | None = None
    clips: tuple[ExplainedClip, ...] = field(default=())


def save_model(run_folder: Path, model: ExplainedModel) -> Path:
    """Write model.npz and return its path."""
    fields = {f.name: getattr(model, f.name) for f in dataclasses.fields(model)}
    return write_fields(run_folder / FOLDER / "model.npz", fields)


def save_clip(run_folder: Path, clip: ExplainedClip) -> Path:
    """Write clips/<key>.npz, in place of an earlier explanation of the clip, and return its path."""
    fields = {f.name: getattr(clip, f.name) for f in dataclasses.fields(clip)}
    return write_fields(run_folder / FOLDER / "clips" / f"{clip.key}.npz", fields)


def save_classes(run_folder: Path, classes: ExplainedClasses) -> Path:
    """Write classes.npz and return its path; excerpts of different lengths are padded in the file only."""
    fields = {f.name: getattr(classes, f.name) for f in dataclasses.fields(classes) if f.name != "typical"}
    typical = classes.typical
    longest = max((len(e.waveform) for e in typical), default=0)
    padded = np.zeros((len(typical), longest), dtype=np.float32)
    for row, excerpt in zip(padded, typical, strict=True):
        row[: len(excerpt.waveform)] = excerpt.waveform
    fields["typical_waveform"] = padded
    fields["typical"] = [[e.component, e.clip, float(e.start_s), len(e.waveform)] for e in typical]
    return write_fields(run_folder / FOLDER / "classes.npz", fields)


def load_model(path: Path) -> ExplainedModel:
    """Read what `save_model` wrote.

    Raises:
        InputError: The file cannot be read or is of another version.
    """
    return read_fields(path, ExplainedModel)


def load_clip(path: Path) -> ExplainedClip:
    """Read what `save_clip` wrote; errors as `load_model`."""
    return read_fields(path, ExplainedClip)


def load_classes(path: Path) -> ExplainedClasses:
    """Read what `save_classes` wrote; errors as `load_model`."""

    def unpad(fields: dict[str, Any]) -> dict[str, Any]:
        waveforms = fields.pop("typical_waveform")
        rows = zip(fields["typical"], waveforms, strict=True)
        return fields | {"typical": tuple(Excerpt(k, clip, start, wave[:n]) for (k, clip, start, n), wave in rows)}

    return read_fields(path, ExplainedClasses, unpad)


def load_explanations(run_folder: Path) -> Explanations:
    """Read whatever explanations lie in a run folder, clips in the order of their split and name.

    Raises:
        InputError: A file that cannot be read.
    """
    folder = run_folder / FOLDER
    model, classes = folder / "model.npz", folder / "classes.npz"
    clips = [load_clip(path) for path in folder.glob("clips/*.npz")]
    return Explanations(
        model=load_model(model) if model.is_file() else None,
        classes=load_classes(classes) if classes.is_file() else None,
        clips=tuple(sorted(clips, key=lambda clip: (clip.split, clip.name))),
    )
