"""The table of benchmark.py unlearning: every class forgotten in turn, the paper's contrast, and properties."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from report.benchmark_table import number
from report.markdown_table import plain, table
from report.unlearning_table import TITLES, z_text

FORMAT = 1
"""Goes up when unlearning.json changes so that older files cannot be read any more."""
WANTED_Z = 3.0
"""z from which a class counts as forgotten beyond chance."""
ALLOWED = 0.05
"""Retained accuracy that may be lost for it to count."""
CLASS_HEADS = [
    "class", "n", "units", "before", "after", "random", "z", "others before", "others after", "others lost",
    "worst other", "logit forget", "logit others",
]  # fmt: skip


def reached(row: Mapping[str, Any]) -> bool:
    """Whether a class is forgotten beyond chance and the others are kept."""
    z, retain = row["forget"]["z"], row["retain"]
    return z is not None and z >= WANTED_Z and retain["before"] - retain["after"] <= ALLOWED + 1e-9


def markdown(result: Mapping[str, Any]) -> str:
    """Return the whole result as Markdown."""
    lines = ["# Unlearning", "", plain(_settings(result)), ""]
    heads = [
        "strategy",
        "units",
        "ΔA logit",
        "ΔR logit",
        "|ΔA| − |ΔR|",
        "forgotten",
        "others lost",
        "z ≥ 3, ≤ 5 points",
    ]
    rows = []
    for row in result["strategies"]:
        own = [part["forget"]["before"] - part["forget"]["after"] for part in row["classes"]]
        rest = [part["retain"]["before"] - part["retain"]["after"] for part in row["classes"]]
        count = f"{sum(map(reached, row['classes']))} of {len(own)}"
        figures = [row["ablated"], row["remaining"], row["difference"], sum(own) / len(own), sum(rest) / len(rest)]
        rows.append([row["title"], number(row["units"]), *map(number, figures), count])
    figure = TITLES[result.get("figure", "accuracy")]
    if result["strategies"]:
        lines += ["## Strategies", "", *table(heads, rows), ""]
        lines += [f"Forgotten: {figure} lost on the class itself, mean over classes.", ""]
    for row in result["strategies"]:
        lines += [f"## {plain(row['title'])}", "", *table(CLASS_HEADS, map(_cells, row["classes"])), ""]
    if result["properties"]:
        lines += _properties(result)
    return "\n".join(lines)


def _properties(result: Mapping[str, Any]) -> list[str]:
    layers = ", ".join(result.get("property_layers", []))
    lines = ["## Pruned by a described property", ""]
    lines += [f"Units of {plain(layers)}, those with most of a property first; means over runs.", ""] if layers else []
    figure = TITLES[result.get("figure", "accuracy")]
    heads = ["property", "share", "units", "with it", figure, "random", "lost beyond random", "z"]
    rows = []
    for name, curve in result["properties"].items():
        for point in curve:
            spread = point.get("beyond_std")
            beyond = number(point["beyond"]) + ("" if spread is None else f" ± {number(spread)}")
            cells = [name, f"{100 * point['share']:.0f} %", f"{point['units']:.0f}", f"{100 * point['having']:.0f} %"]
            cells += [number(point["accuracy"]), f"{number(point['random'])} ± {number(point['random_std'])}", beyond]
            rows.append([*cells, z_text(point["z"])])
    return [*lines, *table(heads, rows), ""]


def _settings(result: Mapping[str, Any]) -> str:
    if not result["strategies"]:
        return f"{len(result['runs'])} run(s); z against {result['draws']} random draws of the same layers and norms."
    return (
        f"{len(result['runs'])} run(s), test clips pooled; units of {', '.join(result['layers'])}, "
        f"{'silenced' if result['how'] == 'zero' else 'held at their mean'}; z against {result['draws']} random draws "
        f"of the same layer and norm; measured effects may cost others {number(result['budget'])} on validation clips."
    )


def _cells(row: Mapping[str, Any]) -> list[str]:
    forget, retain, worst = row["forget"], row["retain"], row["worst_other"]
    random = "–" if forget["random"] is None else f"{number(forget['random'])} ± {number(forget['random_std'])}"
    spread = "" if row["fold_std"] is None else f" (± {number(row['fold_std'])} over folds)"
    lost = retain["before"] - retain["after"]
    return [
        str(row["name"]), str(row["n"]), number(row["units"]), number(forget["before"]),
        number(forget["after"]) + spread, random, z_text(forget["z"]), number(retain["before"]),
        number(retain["after"]), f"{lost:.3f}".replace("-", "−"), f"{worst['class']} {number(worst['lost'])}",
        number(row["logit"]["forget"]), number(row["logit"]["retain"]),
    ]  # fmt: skip


def csv_text(result: Mapping[str, Any]) -> str:
    """Return one line for each strategy and class as CSV."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    sides = [
        f"{side}_{key}" for side in ("forget", "retain") for key in ("before", "after", "random", "random_std", "z")
    ]
    writer.writerow(["strategy", "class", "n", "units", *sides, "worst_other", "logit_forget", "logit_retain"])
    for row in result["strategies"]:
        for part in row["classes"]:
            cells = [
                part[side][key]
                for side in ("forget", "retain")
                for key in ("before", "after", "random", "random_std", "z")
            ]
            logits = [part["logit"]["forget"], part["logit"]["retain"]]
            lost = part["worst_other"]["lost"]
            writer.writerow([row["strategy"], part["name"], part["n"], part["units"], *cells, lost, *logits])
    return stream.getvalue()
