"""Faithfulness of explanations while the model is trained, each score beside what chance would give."""

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytorch_lightning as pl

from callbacks.component_instrument import ComponentInstrument
from callbacks.faithfulness_scores import CONTROLS, CURVES, faithfulness_scores
from callbacks.listening_clips import SPLIT, chosen_clips, data_of
from callbacks.schedule import Schedule
from interpretability.listening.clip_values import ClipValues, joined
from interpretability.listening.faithfulness import HIGHER_IS_BETTER, Scores
from models.classifier import metric_target
from models.explained import explained_classifier
from models.explanation import explain, require_components
from report.run_folder import replace_file

if TYPE_CHECKING:
    from configs.callback_schema import FaithfulnessConfig
    from models.component_classifier import ComponentClassifier

BATCH = 4
"""Clips explained at once."""
MEDIANS = ("removal_probability", "removal_logit")
"""Scores of which the median is logged, as the paper gives it; of all others the mean is."""
INTERPRETED = "fidelity_top1"
"""Whether an interpreter says what its classifier says; a classifier that explains itself always does."""
SINGLE = ("energy_kept", "round_trip", "components", "probability", INTERPRETED, "undefined")
"""What is logged without controls."""


class Faithfulness(NamedTuple):
    """Scores of all clips, and their names."""

    clips: tuple[str, ...]
    scores: Scores


class FaithfulnessCallback(ComponentInstrument[Faithfulness]):
    """Scores of the model's explanations on a fixed validation subset, logged as `faithfulness/<score>`.

    Beside each stand `<score>_random_components` and `<score>_random_mask`, the same for as many components drawn at
    random and for a random mask of equal energy. `undefined` counts the clips of which nothing was explained, which are
    in no mean. The end is measured on the checkpoint that was chosen: logged as `faithfulness/chosen_<score>`, and clip
    by clip in `faithfulness.csv`. Any logged score may be the monitor of checkpoints and early stopping. A post-hoc
    interpreter is scored on the classifier that it explains; a model without components is left alone.
    """

    def __init__(self, config: "FaithfulnessConfig", run_folder: Path | None = None) -> None:
        """Take the settings and the run folder; None takes the Trainer's `default_root_dir`."""
        self.settings = config
        self.metric_names = tuple(logged_names(config.curve_steps > 0))
        work = config.n_clips * config.passes
        super().__init__("faithfulness", config, Schedule(config.every_n_epochs, work_per_point=work), run_folder)

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Find the run folder; leave out the fidelity of a model that interprets no other."""
        super().setup(trainer, pl_module, stage)
        if not hasattr(pl_module, "frozen") and INTERPRETED in self.values:
            self.metric_names = tuple(name for name in self.metric_names if name != INTERPRETED)
            del self.values[INTERPRETED]

    def measure(self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int) -> Faithfulness:
        """Score the fixed clips by the model as it is now."""
        return self.score(trainer, require_components(module))  # type: ignore[arg-type]

    def score(self, trainer: pl.Trainer, model: "ComponentClassifier") -> Faithfulness:
        """Score the fixed clips by a model in eval mode."""
        datamodule, settings = data_of(trainer), self.settings
        dataset = datamodule.dataset(SPLIT)
        indices = chosen_clips(dataset.clips, datamodule.n_classes, settings.n_clips)
        f, found, order = explained_classifier(model), [], []
        for group in of_equal_length({i: len(dataset[i].waveform) for i in indices}):
            batch = datamodule.batch(SPLIT, group).to(model.device)
            heard = batch.waveform[:, : int(batch.length[0])]
            said = explain(model, heard, threshold=settings.threshold, scale=settings.masks)
            found.append(faithfulness_scores(f, said, metric_target(batch), group, settings.curve_steps))
            order += group
        names = tuple(dataset.clips[i].name for i in order)
        return Faithfulness(names, {key: joined([part[key] for part in found]) for key in found[0]})

    def publish(
        self, trainer: pl.Trainer, module: pl.LightningModule, epoch: int, found: Faithfulness
    ) -> dict[str, float]:
        """Return means and medians over the clips, the same on all processes."""
        figures: dict[str, float] = trainer.strategy.broadcast(summary(found.scores))
        return {name: figures[name] for name in self.metric_names}

    def finish(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Score the checkpoint that was chosen, clip by clip."""
        found: list[Faithfulness] = []
        self.agreed(trainer, lambda: found.append(self.score(trainer, self.chosen_model(module))))
        self.agreed(trainer, lambda: self.write(trainer, found[0]))
        chosen: dict[str, float] = trainer.strategy.broadcast(summary(found[0].scores))
        self.values |= {f"chosen_{name}": chosen[name] for name in self.metric_names}

    def write(self, trainer: pl.Trainer, found: Faithfulness) -> None:
        """Write one row for each clip into `faithfulness.csv`, empty where undefined (first process only)."""
        if not trainer.is_global_zero:
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["clip", *found.scores])
        columns = [values.values.tolist() for values in found.scores.values()]
        for clip, *row in zip(found.clips, *columns, strict=True):
            writer.writerow([clip, *("" if math.isnan(value) else value for value in row)])
        replace_file(self.run_folder / "faithfulness.csv", text.getvalue().encode())


def logged_names(with_curves: bool) -> Iterator[str]:
    """Yield the names of all that is logged at a point."""
    yield from SINGLE
    for name in HIGHER_IS_BETTER:
        if name not in CURVES:
            yield from (name, *(f"{name}_{control}" for control in CONTROLS))
        elif with_curves:
            yield from (name, f"{name}_random_order")


def summary(scores: Scores) -> dict[str, float]:
    """Mean or median of each score, and the number of clips of which nothing was explained."""
    figures = {key: of(key, values) for key, values in scores.items()}
    return figures | {"undefined": float(scores["input_fidelity"].undefined)}


def of(name: str, values: ClipValues) -> float:
    """Return the mean of a score, or its median where that is what is reported."""
    return values.median if name.startswith(MEDIANS) else values.mean


def of_equal_length(lengths: dict[int, int], at_once: int = BATCH) -> Iterator[list[int]]:
    """Yield groups of clips of one length, so that none is padded, in the order of their first clip."""
    groups: dict[int, list[int]] = {}
    for index, length in lengths.items():
        groups.setdefault(length, []).append(index)
    for group in groups.values():
        yield from (group[start : start + at_once] for start in range(0, len(group), at_once))
