"""How well a run's interpretations pick the source out of a mixture: `python -m callbacks.separation_table RUN`.

For sound scenes, whose clean sources are known: gain of the class interpretation over the mixture in SI-SDR, beside
random components at equal count, a random mask of equal energy, and the ideal mask; with masks from W H and with masks
fitted to the clip.
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn.functional import one_hot

from configs.errors import CommandError, InputError
from configs.script_line import one_line_errors
from datamodules.audio_datamodule import AudioDataModule
from interpretability.listening.separation_scores import SeparationScores, separation_scores
from models.explanation import explain, require_components
from models.run_loading import load_run
from report.summary_table import print_summary

CLIPS_AT_ONCE = 8
ROWS = {
    "class interpretation, fitted to the clip": "gain_fitted",
    "random components, fitted likewise": "gain_fitted_random_components",
    "class interpretation, from W H": "gain",
    "random components, from W H": "gain_random_components",
    "random mask, equal energy": "gain_random_mask",
    "ideal mask": "gain_ideal_mask",
}


def score_run(
    path: str | Path, n_clips: int | None = None, threshold: float = 0.2
) -> tuple[SeparationScores, list[tuple[str, str]]]:
    """Score the test clips of a run on sound scenes, each for every class it holds; names of clip and class beside.

    Raises:
        InputError: A run without components, or data without clean sources.
    """
    from configs.registry import component

    run = load_run(path)
    model, config = require_components(run.model), run.config
    source = component("dataset", config.data.name).load()(config.data, config.front_end.sample_rate)
    data = AudioDataModule(source, config.data, config.front_end.sample_rate, config.augmentation, config.seed)
    total = len(data.dataset("test"))
    generator, found, names = torch.Generator().manual_seed(0), [], []
    for start in range(0, min(total, n_clips or total), CLIPS_AT_ONCE):
        indices = range(start, min(start + CLIPS_AT_ONCE, n_clips or total, total))
        batch = data.batch("test", indices, stems=True)
        if batch.stems is None:
            raise InputError(f"{path}: separation needs data with clean sources (data.name=sound_scenes)")
        held = one_hot(batch.target, len(run.class_names)) if batch.target.ndim == 1 else batch.target
        rows, classes = held.nonzero(as_tuple=True)  # a clip of several classes is explained for each
        clips, stems = batch.waveform[rows], batch.stems[rows, classes]
        said = explain(model, clips, threshold=threshold)
        with torch.no_grad():
            heard = model.front_end.stft(stems / clips.abs().amax(dim=-1, keepdim=True))
            found.append(separation_scores(said, stems, heard, classes, generator))
        pairs = zip(rows.tolist(), classes.tolist(), strict=True)
        names += [(data.clip("test", indices[row]).name, run.class_names[label]) for row, label in pairs]
    return SeparationScores(*(torch.cat(values) for values in zip(*found, strict=True))), names


@one_line_errors
def main(arguments: Sequence[str]) -> int:
    """Print medians over the test clips and write every clip's scores to RUN/separation.csv; return the exit code."""
    if len(arguments) != 1:
        raise CommandError("name one run of sound scenes: python -m callbacks.separation_table RUN")
    scores, names = score_run(arguments[0])
    rows = []
    for label, field in ROWS.items():
        low, middle, high = torch.nanquantile(getattr(scores, field), torch.tensor([0.25, 0.5, 0.75])).tolist()
        rows.append({"mask": label, "median gain dB": middle, "quartiles dB": f"{low:.1f} to {high:.1f}"})
    print_summary(rows)
    facts: dict[str, float | torch.Tensor] = {
        "clips and classes": len(names),
        "median SI-SDR of the mixture, dB": scores.mixture.median(),
        "median number of components": scores.n_components.median(),
        "median share of the ideal mask's gain, fitted": scores.share_fitted.nanmedian(),
        "median share of the ideal mask's gain, from W H": scores.share.nanmedian(),
        "energy inside the source's time": scores.inside.nanmean(),
        "the same of the mixture": scores.inside_mixture.nanmean(),
        "area under the curve in time": scores.area.nanmean(),
        "the same of the mixture's energy": scores.area_mixture.nanmean(),
    }
    print_summary([{"figure": name, "value": float(value)} for name, value in facts.items()])
    target = Path(arguments[0]) / "separation.csv"
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", "class", *SeparationScores._fields])
        writer.writerows([*name, *values] for name, *values in zip(names, *(f.tolist() for f in scores), strict=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
