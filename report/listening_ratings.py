"""What a listening test found: mean rating of each system, with intervals, from the files that participants saved.

`python -m report.listening_ratings RATINGS.csv [RATINGS.csv ...] --key key.csv` prints a table; `--output FILE.csv`
writes it. Ratings of one system in one trial are averaged over participants; intervals are over trials (bootstrap), and
differences are paired by trial: other listeners and other clips may rate otherwise.
"""

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from configs.errors import InputError
from configs.script_line import one_line_errors
from report.bootstrap import Figure, figures, paired
from report.markdown_table import table
from report.run_folder import replace_file


@dataclass(frozen=True)
class Ratings:
    """Mean rating (trials,) of each system over its listeners, NaN where it was not rated, and what they rest on."""

    systems: dict[str, np.ndarray]
    participants: int
    counts: dict[str, int]


def read_ratings(files: Sequence[Path], key: Path) -> Ratings:
    """Read what participants saved.

    Raises:
        InputError: A file that cannot be read, a sound that is not in the key, a rating outside 0 to 100, or one
            participant's rating of one sound twice.
    """
    systems = {
        row["stimulus"]: (row["system"], int(row["trial"])) for row in _rows(key, ("trial", "stimulus", "system"))
    }
    found: dict[tuple[str, int], list[float]] = {}
    seen: set[tuple[str, str]] = set()
    for file in files:
        for line, row in enumerate(_rows(file, ("participant", "stimulus", "rating")), 2):
            token, who = row["stimulus"], row["participant"]
            if token not in systems:
                raise InputError(f"{file}, line {line}: sound {token} is not in {key}; this is another test's file")
            if (who, token) in seen:
                raise InputError(f"{file}, line {line}: {who} rated sound {token} twice; is the file given twice?")
            seen.add((who, token))
            found.setdefault(systems[token], []).append(_rating(row["rating"], f"{file}, line {line}"))
    trials = sorted({trial for _, trial in found})
    names = dict.fromkeys(system for system, _ in systems.values())
    table = {
        name: np.array([np.mean(found[name, t]) if (name, t) in found else np.nan for t in trials]) for name in names
    }
    counts = {name: sum(len(found.get((name, t), ())) for t in trials) for name in names}
    return Ratings(table, len({who for who, _ in seen}), counts)


def _rows(file: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = list(csv.DictReader(text))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
    if not rows:
        raise InputError(f"{file}: no ratings in it")
    if missing := [name for name in columns if name not in rows[0]]:
        raise InputError(f"{file}: column {missing[0]} is missing")
    return rows


def _rating(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 <= value <= 100:
        raise InputError(f"{place}: rating {text!r} is not between 0 and 100")
    return value


def summary(ratings: Ratings, seed: int = 0) -> dict[str, tuple[Figure, Figure]]:
    """Return each system's mean rating, and what it is above the first's in the same trials; best first."""
    means = figures(ratings.systems, seed)
    first = next(iter(ratings.systems.values()))
    order = sorted(means, key=lambda name: -np.nan_to_num(means[name].mean, nan=-1.0))
    return {name: (means[name], paired(ratings.systems[name], first, seed)) for name in order}


def markdown(ratings: Ratings, found: Mapping[str, tuple[Figure, Figure]]) -> str:
    """Return the table."""
    first = next(iter(ratings.systems))
    rows = []
    for name, (mean, above) in found.items():
        n = mean.n - mean.undefined
        difference = "" if name == first else _figure(above)
        rows.append([name, _figure(mean), difference, n, ratings.counts[name]])
    said = f"{ratings.participants} listener(s); ratings from 0 to 100, 95 % bootstrap intervals over trials."
    heads = ["system", "rating", f"above {first}", "trials", "ratings"]
    return "\n".join([said, "", *table(heads, rows, n_left=3)]) + "\n"


def _figure(figure: Figure) -> str:
    return f"{figure.mean:.1f} ({figure.low:.1f} to {figure.high:.1f})"


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    description = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m report.listening_ratings", description=description)
    parser.add_argument("ratings", nargs="+", type=Path, help="files that participants saved")
    parser.add_argument("--key", required=True, type=Path, help="key.csv of the test")
    parser.add_argument("--output", type=Path, help="file for the table as CSV")
    options = parser.parse_args(arguments)
    ratings = read_ratings(options.ratings, options.key)
    found = summary(ratings)
    if options.output:
        rows = ["system,rating,low,high,trials,ratings"]
        for name, (mean, _) in found.items():
            quoted = '"' + name.replace('"', '""') + '"'
            figure = f"{mean.mean:.4g},{mean.low:.4g},{mean.high:.4g}"
            rows.append(f"{quoted},{figure},{mean.n - mean.undefined},{ratings.counts[name]}")
        replace_file(options.output, ("\n".join(rows) + "\n").encode())
    print(markdown(ratings, found), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
