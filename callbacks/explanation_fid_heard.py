"""A model's own interpretations against real clips of a class and its clean sources, as points and figures."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from callbacks.generation_ground import SearchGround
from callbacks.generation_own_parts import own_parts
from models.nmf_bottleneck import NMFBottleneck
from report.interpretations_file import save_interpretations

KINDS = {
    "real": ("floor", "interpretation", "random_mask"),
    "stems": ("floor", "interpretation", "random_mask", "whole"),
}
"""What sounds are compared with, real clips or clean sources, and which sounds."""
MEASURES = {"kernel": "distance", "frechet": "frechet_distance"}
"""What a distance is called in the files, and in the names of figures."""
ENDS = ("", "_low", "_high")
"""Of a distance: its value, and the ends of its interval."""
HEARD = tuple(
    f"{against}/{kind}_{name}{end}"
    for against, kinds in KINDS.items()
    for kind in kinds
    for name in MEASURES.values()
    for end in ENDS
)
OTHER = "independent"
"""What stands before the figures of the independent network."""


def interprets(model: object) -> bool:
    """Whether a model's decisions are sums of components, which can be heard."""
    return isinstance(getattr(model, "bottleneck", None), NMFBottleneck)


def write_heard(folder: Path, ground: SearchGround, n_clips: int, epoch: int, end: bool) -> dict[str, float]:
    """Compare interpretations with real clips and write the point into a run folder; return its means over classes.

    A model without interpretations, or clips too few for any class, leave nothing and return nothing; arguments as
    `heard_point`.

    Raises:
        InputError: The file cannot be written.
    """
    if not n_clips or not interprets(ground.network.module):
        return {}
    point = heard_point(ground, n_clips, epoch, end)
    if not point["rows"]:
        return {}
    save_interpretations(folder, point)
    return heard_figures(point)


def heard_point(ground: SearchGround, n_clips: int, epoch: int, end: bool) -> dict[str, Any]:
    """Compare interpretations with real clips, in the explained and the independent network.

    Args:
        ground: of a model made of components.
        n_clips: validation clips at most, of each class in turn.
        epoch: number of the epoch, from 1.
        end: whether the checkpoint that was chosen is measured after the training.

    Returns:
        A point as `report.interpretations_file` describes it.
    """
    other = None if ground.independent is None else ground.independent.module
    rows, left_out = own_parts(ground.network.module, ground.excerpts.datamodule, n_clips, other)
    return {
        "epoch": epoch,
        "end": end,
        "split": "validation",
        "n_clips": sum(row["n"] for row in rows),
        "masks": "magnitude",
        "features": ground.network.features.layer,
        "judge": ground.judge,
        "judge_note": ground.judge_note,
        "left_out": left_out,
        "rows": rows,
    }


def heard_figures(point: Mapping[str, Any]) -> dict[str, float]:
    """Return mean distances over classes: `real/interpretation_distance`, `real/random_mask_frechet_distance_low` etc.

    Kernel distances are those without a word before them. Ends of intervals are means too, given where all classes that
    have the distance have its interval.
    """
    other = {f"{OTHER}/{name}": value for name, value in _means(point["rows"], "judge")}
    return dict(_means(point["rows"], "own")) | other


def _means(rows: Sequence[Mapping[str, Any]], network: str) -> Iterator[tuple[str, float]]:
    for against, kinds in KINDS.items():
        for kind in kinds:
            cells = [((row.get(network) or {}).get(against) or {}).get(kind) or {} for row in rows]
            for measure, name in MEASURES.items():
                known = [cell[measure] for cell in cells if cell.get(measure) and cell[measure][0] is not None]
                for place, end in enumerate(ENDS):
                    values = [distance[place] for distance in known]
                    if values and None not in values:
                        yield f"{against}/{kind}_{name}{end}", sum(values) / len(values)
