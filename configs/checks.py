"""Range checks for settings: each yields a sentence that names the full key as it is typed on the command line."""

from collections.abc import Iterator


def at_least(section: object, group: str, bound: float, names: tuple[str, ...]) -> Iterator[str]:
    """Yield a problem for each named field of `section` (typed as `group.name`) below `bound`; None passes."""
    for name in names:
        value = getattr(section, name)
        if value is not None and value < bound:
            yield f"{group}.{name}={value} must be at least {bound:g}"


def above_zero(section: object, group: str, names: tuple[str, ...]) -> Iterator[str]:
    """Yield a problem for each named field that is not above zero; None passes."""
    for name in names:
        value = getattr(section, name)
        if value is not None and not value > 0:
            yield f"{group}.{name}={value} must be above 0"


def within(section: object, group: str, low: float, high: float, names: tuple[str, ...]) -> Iterator[str]:
    """Yield a problem for each named field outside the closed range [low, high]; None passes."""
    for name in names:
        value = getattr(section, name)
        if value is not None and not low <= value <= high:
            yield f"{group}.{name}={value} must lie between {low:g} and {high:g}"


def below_one(section: object, group: str, names: tuple[str, ...]) -> Iterator[str]:
    """Yield a problem for each named share outside [0, 1); None passes."""
    for name in names:
        value = getattr(section, name)
        if value is not None and not 0 <= value < 1:
            yield f"{group}.{name}={value} must be at least 0 and below 1"
