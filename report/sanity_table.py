"""The report of the sanity checks as Markdown, and what its page shows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from report.benchmark_table import number
from report.markdown_table import Section, sections
from report.run_contents import RunContents

FORMAT = 1
"""Goes up when sanity.json changes so that older files cannot be read any more."""
TABLE = "benchmark/sanity.json"
"""Where benchmark.py leaves the result in a run folder."""


def tables(result: Mapping[str, Any]) -> list[Section]:
    """Return everything that was found as tables."""
    found = [_others(result)]
    if result["seeds"]:
        found.append(_seeds(result["seeds"]))
    if result["shortcut"] is not None:
        found += _shortcut(result["shortcut"])
    return [*found, _cascade(result)]


def _alike(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    keys = ("cosine", "rank", "mask", "same_class")
    return [[str(row["title"]), *(number(row[key]) for key in keys)] for row in rows]


ALIKE = ["relevance, cosine", "relevance, rank", "masks", "same class"]


def _cascade(result: Mapping[str, Any]) -> Section:
    return (
        "Layers untrained one after the other, from the output on",
        ["untrained down to", *ALIKE],
        _alike(result["cascade"]),
        band_sentence(result["band"]),
    )


def band_sentence(band: Mapping[str, Any]) -> str:
    """Return where the fully untrained model lies beside independently drawn networks."""
    parts = []
    for name, words in (("cosine", "cosine"), ("rank", "rank correlation")):
        one = band[name]
        inside = "within" if one["holds"] else "outside"
        parts.append(
            f"{words} {number(one['value'])}, {inside} the 95 % band of pairs of untrained networks "
            f"({number(one['low'])} to {number(one['high'])})"
        )
    return f"All layers untrained, mean over {band['networks']} draws: {'; '.join(parts)}."


def _others(result: Mapping[str, Any]) -> Section:
    rows, n = result["others"], result["n"]
    return (
        "One thing destroyed",
        ["what", *ALIKE],
        _alike(rows),
        f"n = {n} clips, explained for the class the trained model decides for. Relevances are read from activations, "
        "so that a permuted dictionary changes masks only.",
    )


def _seeds(rows: Sequence[Mapping[str, Any]]) -> Section:
    keys = ("matched", "rank", "rank_by_chance", "top_five")
    heads = [
        "run",
        "likeness of matched components",
        "rank agreement",
        "the same, matched at random",
        "top five shared",
    ]
    text = [[str(row["title"]), *(number(row[key]) for key in keys)] for row in rows]
    return "Independently trained models", heads, text, "On the clips that both models take for the same class."


def _shortcut(found: Mapping[str, Any]) -> list[Section]:
    keys = ("revealed", "enrichment", "captured", "kept", "area")
    heads = ["explanation", "revealed", "enrichment", "of the hum", "of the clip", "area over bins"]
    rows = [[str(row["title"]), *(number(row[key]) for key in keys)] for row in found["methods"]]
    muting = found["muting"]
    named = ", ".join(map(str, muting["components"])) or "none"
    accuracies = [
        [str(row["clips"]), str(row["n"]), number(row["before"]), number(row["after"])] for row in muting["rows"]
    ]
    return [
        (
            f"The hum planted in class {found['class']}",
            heads,
            rows,
            f"n = {found['n']} clips, equal energy. Revealed: share of clips in which the mask takes more of the hum "
            "than of the clip, and more so than 95 % of the same masks moved elsewhere.",
        ),
        (
            "Accuracy when the components that carry the hum are muted, test scenes",
            ["clips", "n", "before", "after"],
            accuracies,
            f"Muted: components {named}, chosen on validation scenes by what the hum adds to the class.",
        ),
    ]


def markdown(result: Mapping[str, Any]) -> str:
    """Return the whole report as Markdown."""
    return "\n".join(["# Sanity of explanations", "", *sections(tables(result))])


def context(run: RunContents) -> dict[str, Any] | None:
    """Return what the page of a run shows, or None before its explanations have been checked."""
    try:
        result = json.loads((run.folder / TABLE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        return None
    return {"tables": tables(result), "sentence": band_sentence(result["band"])}
