"""CSV tables of clips: read with every fault named by file and line, and their paths kept inside the data root."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from configs.errors import InputError


@dataclass(frozen=True)
class TableRow:
    """One clip's row.

    `line` is the line of the file on which the row ends (1 is the header), `cells` maps column to text without
    surrounding blanks.
    """

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


@dataclass(frozen=True)
class LabelTable:
    """A table as it stands in the file: its path, the names of its columns and its rows in the file's order."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

    def fault(self, row: TableRow, reason: str) -> InputError:
        """Return the error that names this table and the row's line, for the caller to raise."""
        return InputError(f"{self.path}, line {row.line}: {reason}")

    def files(self, root: Path, column: str) -> list[Path]:
        """Return the file that each row names in `column`, relative to `root`.

        Raises InputError where a name leads out of `root`, where two rows name the same file, and where files are
        missing (how many, and the first).
        """
        paths: list[Path] = []
        lines: dict[Path, int] = {}
        missing: list[TableRow] = []
        for row in self.rows:
            try:
                path = file_inside(root, row[column])
            except InputError as error:
                raise self.fault(row, str(error)) from None
            first = lines.setdefault(path, row.line)
            if first != row.line:
                raise self.fault(row, f"{row[column]!r} is in the table twice, first on line {first}; remove one")
            if not _is_file(path):
                missing.append(row)
            paths.append(path)
        if missing:
            more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
            raise self.fault(missing[0], f"no file {missing[0][column]!r} in {root}{more}")
        return paths


def read_table(path: Path, required: Sequence[str]) -> LabelTable:
    """Read a CSV file with a header line (UTF-8, with or without a byte order mark).

    Blank lines are passed over. Raises InputError where the file is absent, empty or not UTF-8 CSV, where a column of
    `required` is absent or named twice, and where a row has more or fewer cells than the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
    except FileNotFoundError:
        raise InputError(f"no table at {path}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read the table {path} as UTF-8 CSV: {error}") from None
    if not lines:
        raise InputError(f"the table {path} is empty; expected a header line with {', '.join(required)}")
    columns = tuple(lines[0][1])
    _check_columns(path, columns, required)
    for line, cells in lines[1:]:
        if len(cells) != len(columns):
            raise InputError(f"{path}, line {line}: {len(cells)} cells where the header has {len(columns)}")
    if len(lines) == 1:
        raise InputError(f"the table {path} has a header but no rows")
    rows = tuple(TableRow(line, dict(zip(columns, cells, strict=True))) for line, cells in lines[1:])
    return LabelTable(path, columns, rows)


def _check_columns(path: Path, columns: Sequence[str], required: Sequence[str]) -> None:
    """Raise InputError where a required column is absent or any column is named twice."""
    absent = [name for name in required if name not in columns]
    if absent:
        raise InputError(f"the table {path} has no column {', '.join(absent)}; it has {', '.join(columns)}")
    double = sorted({name for name in columns if columns.count(name) > 1})
    if double:
        raise InputError(f"the table {path} has two columns named {double[0]!r}; rename one of them")


def file_inside(root: Path, name: str) -> Path:
    """Return the resolved path of `name` (relative, with forward slashes) below `root`; it need not exist.

    Raises InputError where the name is blank, absolute, climbs with "..", or leads out of `root` through a link.
    """
    windows = PureWindowsPath(name)
    if not name or "\0" in name:
        raise InputError(f"{name!r} is not a file name")
    if PurePosixPath(name).is_absolute() or windows.drive or windows.root:
        raise InputError(f"{name!r} is an absolute path; expected a path relative to {root}")
    if ".." in windows.parts:
        raise InputError(f"{name!r} leads out of the data root {root}; remove '..'")
    try:
        path = (root / name).resolve()
    except (OSError, RuntimeError) as error:  # a loop of links, a name too long
        raise InputError(f"{name!r} cannot be followed: {error}") from None
    if not path.is_relative_to(root.resolve()):
        raise InputError(f"{name!r} is a link that leads out of the data root {root}, to {path}")
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that may not be entered, a name too long
        return False
