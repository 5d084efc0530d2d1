"""The picture of training strategies: share named and polysemantic of each layer over the epochs."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from report.strategy_table import Row


def picture(rows: Sequence[Row]) -> bytes:
    """Return a PNG: a column for each layer, above the share named, below the share polysemantic, dashed by chance.

    Epochs are on a logarithmic axis; the larger dot at the right is the checkpoint that was chosen, after the training.
    """
    from matplotlib.figure import Figure  # here: the table alone does without

    layers = list(dict.fromkeys(row.layer for row in rows))
    strategies = list(dict.fromkeys(row.strategy for row in rows))
    figure = Figure(figsize=(3.2 * len(layers) + 1, 5.5), layout="constrained")
    axes = figure.subplots(2, len(layers), sharex=True, sharey="row", squeeze=False)
    for column, layer in enumerate(layers):
        for number, strategy in enumerate(strategies):
            here = [row for row in rows if row.layer == layer and row.strategy == strategy]
            over = [row for row in here if not row.end]
            for place, name in enumerate(("named_share", "polysemantic")):
                plot = axes[place][column]
                colour = f"C{number}"
                plot.plot(
                    [row.epoch for row in over],
                    [100 * row.mean[name] for row in over],
                    marker=".",
                    color=colour,
                    label=strategy,
                )
                ends = [row for row in here if row.end]
                plot.plot(
                    [row.epoch for row in ends], [100 * row.mean[name] for row in ends], "o", color=colour, markersize=7
                )
        chances = [row.mean["polysemantic_chance"] for row in rows if row.layer == layer]
        known = [chance for chance in chances if not math.isnan(chance)]
        if known:
            axes[1][column].axhline(100 * sum(known) / len(known), color="grey", linestyle="--", label="by chance")
        axes[0][column].set_title(layer)
        axes[1][column].set_xlabel("epoch")
        axes[0][column].set_xscale("log", base=2)
        axes[1][column].xaxis.set_major_formatter("{x:g}")
    for row_of_axes in axes:
        row_of_axes[0].set_ylim(bottom=0)
    axes[0][0].set_ylabel("units named, %")
    axes[1][0].set_ylabel("units polysemantic, %")
    handles, labels = axes[1][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
