"""What searches leave in the run folder: `generations/epoch_0004.jsonl`, a unit on each line, and the sounds.

The format is that of `report.generations_file`, which reads them. All panels of a run have one scale.
"""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from callbacks.generation_pictures import panel, run_scale
from callbacks.generation_search import SearchGround, UnitGenerations
from callbacks.listening_clips import SPLIT
from callbacks.media import write_wav
from interpretability.generation.frechet_uncertainty import Band
from interpretability.generation.lane_scores import LaneScore
from interpretability.generation.lanes import Lane
from report.array_file import file_name
from report.generations_file import FOLDER, VERSION, files_of, nearest_of
from report.run_folder import replace_file

SOUNDS = f"media/{FOLDER}"


def point_name(epoch: int) -> str:
    """Return the name of the point after epoch number `epoch`; that after fit is `report.generations_file.END`."""
    return f"epoch_{epoch:04d}"


def write_generations(
    folder: Path, name: str, found: Sequence[UnitGenerations], ground: SearchGround, epoch: int
) -> Path:
    """Write `generations/NAME.jsonl` and the sounds of the chosen settings; return the path of the former.

    Sounds of an earlier point of this name that nothing plays any more are removed.

    Args:
        folder: run folder.
        name: of the point.
        found: units in the order of the lines.
        ground: what they stand on.
        epoch: number of the epoch, from 1.

    Raises:
        InputError: A file cannot be written; an earlier one is as it was.
    """
    path = folder / FOLDER / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    scale = run_scale(folder, ground)
    before = sounds_of(path)
    lines = []
    for unit in found:
        record = record_of(unit, ground, epoch) | {"scale": [_plain(v) for v in scale]}
        record["examples"] = _examples(folder, name, unit, ground, scale)
        lines.append(json.dumps(record, separators=(",", ":"), allow_nan=False))
    replace_file(path, "".join(f"{line}\n" for line in lines).encode())
    remove_stale(folder, name, before)
    return path


def sounds_of(path: Path) -> set[str]:
    """Return the sounds, real ones as well, that a point plays; none of a file that is not there or damaged."""
    try:
        units = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        examples = [example for unit in units for example in unit["examples"]]
        return {*files_of(examples), *files_of(nearest_of(examples))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def remove_stale(folder: Path, name: str, before: set[str]) -> None:
    """Remove sounds that were written for an earlier point of this name, or that it alone played."""
    own = {path.name for path in (folder / SOUNDS).glob(f"{name}_*.wav")}
    stale = {file for file in own | before if file == Path(file).name} - sounds_of(folder / FOLDER / f"{name}.jsonl")
    if stale - own:  # real excerpts belong to all points
        stale -= {file for path in (folder / FOLDER).glob("*.jsonl") for file in sounds_of(path)}
    for file in stale:
        (folder / SOUNDS / file).unlink(missing_ok=True)


def record_of(found: UnitGenerations, ground: SearchGround, epoch: int) -> dict[str, Any]:
    """Return what is known of a unit as plain data, without its examples."""
    reference = found.reference
    low, middle, high = quantiles(reference.activation)
    lanes = {snapshot.name: snapshot.lane for snapshot in found.search.snapshots}
    return {
        "version": VERSION,
        "epoch": epoch,
        "search": "refresh" if found.warm else "full",
        "key": found.key,
        "layer": found.unit.target.layer,
        "unit": found.unit.number,
        "name": found.unit.name,
        "aim": found.aim,
        "prior": {"name": ground.prior.name, "trained": ground.plan.generator is not None, "note": ground.prior_note},
        "vocoding": found.vocoding,
        "judge": ground.judge,
        "judge_note": ground.judge_note,
        "sample_rate": found.sample_rate,
        "seconds": _plain(ground.network.n_samples / found.sample_rate),
        "work": found.search.latent_steps,
        "search_seconds": _plain(found.seconds),
        "scale_unit": ground.network.drawn_unit,
        "reference": {
            "n": reference.n,
            "recordings": reference.n_recordings,
            "split": SPLIT,
            "left_out": ground.excerpts.left_out,
            "low": low,
            "median": middle,
            "high": high,
            "band": [_plain(value) for value in reference.band],
        },
        "by": found.by,
        "reason": found.choice.reason,
        "floor": {"kernel": _band(found.floors.kernel), "frechet": _band(found.floors.frechet)},
        "endless": None if found.endless is None else [_plain(value) for value in found.endless],
        "ceiling": score_of(found.ceiling) | {"share_of_way": _plain(found.share_of_way(found.ceiling))},
        "lanes": [
            score_of(score, lanes[score.name]) | {"share_of_way": _plain(found.share_of_way(score))}
            for score in found.scores
        ],
        "chosen": next(i for i, score in enumerate(found.scores) if score is found.choice.score),
        "trace": _traces(found),
    }


def score_of(score: LaneScore, lane: Lane | None = None) -> dict[str, Any]:
    """Return a score and its setting as plain data."""
    plain = {key: _plain(value) for key, value in dataclasses.asdict(score).items()}
    return plain if lane is None else plain | dataclasses.asdict(lane)


def quantiles(activation: Tensor) -> tuple[float, float, float]:
    """Return the 5 %, 50 % and 95 % quantiles."""
    shares = torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64)
    low, middle, high = activation.double().quantile(shares).tolist()
    return _plain(low), _plain(middle), _plain(high)


def at_full_scale(waveform: Tensor) -> npt.NDArray[np.float32]:
    """Return a waveform (N,) with its peak at 1, as the network hears it; silence stays silence."""
    loud: npt.NDArray[np.float32] = (waveform / waveform.abs().amax().clamp_min(1e-4)).float().numpy()
    return loud


def _examples(
    folder: Path, name: str, found: UnitGenerations, ground: SearchGround, scale: tuple[float, float]
) -> list[dict[str, Any]]:
    """Write the sounds of the most active examples and of their nearest real excerpts."""
    order = found.activation.argsort(descending=found.aim != "minimise", stable=True)
    stem = f"{name}_{file_name(f'{found.key} {found.aim}')}"
    out = []
    for place in order[: ground.settings.shown].tolist():
        file = f"{stem}_{place}.wav"
        write_wav(folder / SOUNDS / file, at_full_scale(found.waveform[place]), found.sample_rate)
        out.append(
            {
                "file": file,
                "seed": ground.settings.seed + place,
                "activation": _plain(float(found.activation[place])),
                "panel": _panel(found.features[place], ground, scale),
                "start_panel": _panel(found.start_features[place], ground, scale),
                "nearest": _nearest(folder, found, ground, int(found.nearest[place]), scale),
            }
        )
    return out


def _nearest(
    folder: Path, found: UnitGenerations, ground: SearchGround, place: int, scale: tuple[float, float]
) -> dict[str, Any]:
    """Write a real excerpt; those of one place have one file for all points and units."""
    excerpts, rate = ground.excerpts, ground.excerpts.datamodule.sample_rate
    clip, start = int(excerpts.clips[place]), int(excerpts.starts[place])
    file = f"real_{clip}_{start}_{excerpts.n_samples}.wav"
    if not (folder / SOUNDS / file).is_file():
        write_wav(folder / SOUNDS / file, at_full_scale(excerpts.waveform(place)), rate)
    at = int((found.reference.places == place).nonzero()[0])
    return {
        "file": file,
        "clip": excerpts.datamodule.clip(SPLIT, clip).name,
        "start": _plain(start / rate),
        "activation": _plain(float(found.reference.activation[at])),
        "panel": _panel(excerpts.inputs[place], ground, scale),
    }


def _panel(excerpt: Tensor, ground: SearchGround, scale: tuple[float, float]) -> dict[str, Any]:
    return panel(ground.network.drawn(excerpt[None]).cpu(), scale)


def _traces(found: UnitGenerations) -> list[dict[str, Any]]:
    """Mean activation of each lane's examples that were still searched, step by step."""
    lanes = list(dict.fromkeys(snapshot.lane for snapshot in found.search.snapshots))
    means = found.search.trace.nanmean(dim=1).tolist()
    return [{"lane": lane.name, "activation": [_plain(v) for v in row]} for lane, row in zip(lanes, means, strict=True)]


def _band(band: Band | None) -> list[Any] | None:
    return None if band is None else [_plain(value) for value in band]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of a score
    """Round numbers to six digits; what is not finite becomes None."""
    if isinstance(value, bool) or not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None
