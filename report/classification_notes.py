"""What the figures of a classification benchmark rest on, and what its tests can say, in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from report.benchmark_table import number
from report.classification_columns import COLUMNS

NOUNS = {"fold": "folds", "seed": "seeds"}


def counted(count: int, noun: str) -> str:
    """Return a number and its noun, in words up to ten."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return f"{words[count] if count < len(words) else count} {noun if count == 1 else NOUNS[noun]}"


def note(result: Mapping[str, Any]) -> str:
    """Return on what the figures of a data set rest."""
    folds, seeds = len(result["folds"]), len(result["seeds"])
    where = f"{counted(folds, 'fold')}, {counted(seeds, 'seed')}" if folds else f"one split, {counted(seeds, 'seed')}"
    several = "mean ± standard deviation over " + (
        "folds and seeds" if folds > 1 and seeds > 1 else "folds" if folds > 1 else "seeds"
    )
    parts = [where + (f": {several}" if max(folds, seeds) > 1 else "") + "."]
    if seeds < 3:
        parts.append("One seed is indicative." if seeds == 1 else "Two seeds are indicative.")
    if result["chance"] is not None:
        parts.append(f"Chance: {number(result['chance'], '%')} %.")
    incomplete = [row for row in result["rows"] if row["finished"] < row["planned"]]
    parts += [f"{row['model']} has {row['finished']} of {row['planned']} trainings." for row in incomplete]
    parts += [sentence for row in result["rows"] for sentence in _of_fewer(row)]
    text = " ".join(parts)
    return text[0].upper() + text[1:]


def _of_fewer(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each figure of a row that some of its finished trainings lack."""
    for column in COLUMNS:
        for key, name in ((column.key, column.label), (column.control, f"{column.label} ({column.beside})")):
            figure = row["figures"].get(key)
            if figure is not None and figure["n"] < row["finished"]:
                yield f"{row['model']}: {name} is the mean of {figure['n']} of {row['finished']} trainings."


def limits_note(result: Mapping[str, Any]) -> str:
    """Return what the tests of a data set can and cannot say."""
    rows = result["differences"]
    if not rows:
        return ""
    k, unit = max(row["k"] for row in rows), rows[0]["unit"]
    clips = "Intervals over clips resample the test clips (paired bootstrap) and take the trained models as given."
    if k < 2:
        return f"One {unit}: there is nothing to test over. {clips}"
    least = 2.0 ** (1 - k)
    head = (
        f"{counted(k, unit).capitalize()}: the exact test, over all choices of signs, cannot give a p value below "
        f"{least:.3g}{', so it can never reach 0.05' if least > 0.05 else ''}. "
    )
    if unit == "seed":
        return head + f"Seeds of one split say what training leaves to chance, nothing about other clips. {clips}"
    return (
        head + "Student's t takes the differences for normal and independent, yet folds share most of their training "
        f"clips; the corrected test (Nadeau and Bengio 2003) widens its interval for that and is the one to "
        f"read. {clips}"
    )
