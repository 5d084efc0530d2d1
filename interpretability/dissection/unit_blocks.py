"""Units of a layer in blocks, so that what is computed of all of them at once has a bounded size."""

from collections.abc import Iterator

ENTRIES = 1 << 19
"""Numbers that a temporary table of a block may hold: 4 MB in double precision."""


def unit_blocks(n_units: int, entries_per_unit: int, entries: int = ENTRIES) -> Iterator[slice]:
    """Yield slices of units whose tables, of so many entries for each unit, have `entries` entries at most."""
    size = max(1, entries // max(1, entries_per_unit))
    for start in range(0, n_units, size):
        yield slice(start, min(start + size, n_units))
