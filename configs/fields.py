"""What the schema says about each setting: its key, type, default and sentence."""

import ast
import dataclasses
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MISSING = "???"
"""How a setting without a default is written (OmegaConf's own sign)."""


@dataclass(frozen=True)
class Setting:
    """One setting: `key` as typed on the command line, its annotation, default value and sentence."""

    key: str
    annotation: Any
    default: Any
    sentence: str


def settings(config: type, key: str = "", replaced: Mapping[str, type] | None = None) -> Iterator[Setting]:
    """Yield every setting below the dataclass `config`, whose own key is `key` (empty for the whole configuration).

    `replaced` gives, for full keys such as "data", the dataclass that stands there instead of the annotated one.
    """
    hints = typing.get_type_hints(config)
    told = sentences(config)
    for item in dataclasses.fields(config):
        full = f"{key}.{item.name}" if key else item.name
        annotation = (replaced or {}).get(full, hints[item.name])
        if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
            yield from settings(annotation, full, replaced)
        else:
            yield Setting(full, annotation, default_of(item), told.get(item.name, ""))


def default_of(item: "dataclasses.Field[Any]") -> Any:  # noqa: ANN401 - a default may be of any type
    """Return the default of a dataclass field, or `MISSING` if it has none."""
    if item.default is not dataclasses.MISSING:
        return item.default
    if item.default_factory is not dataclasses.MISSING:
        return item.default_factory()
    return MISSING


def sentences(config: type) -> dict[str, str]:
    """Return field name -> the literal string directly below the field, inherited fields included.

    A class whose source cannot be read (built at run time) has no sentences.
    """
    found: dict[str, str] = {}
    for owner in reversed(config.__mro__):
        if dataclasses.is_dataclass(owner):
            found.update(_own_sentences(owner))
    return found


def _own_sentences(config: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(config)))
    except (OSError, TypeError, SyntaxError):
        return {}
    definition = tree.body[0]
    if not isinstance(definition, ast.ClassDef):
        return {}
    found = {}
    for line, below in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            text = below.value if isinstance(below, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[line.target.id] = " ".join(text.value.split())
    return found


def summary(config: type) -> str:
    """Return the first line of a dataclass's own docstring, or an empty string if it has none."""
    text = inspect.cleandoc(config.__dict__.get("__doc__") or "")
    generated = text.startswith(f"{config.__name__}(")  # @dataclass writes the signature where no docstring is given
    return "" if generated or not text else text.splitlines()[0]


def alternatives(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401 - annotations have no common type
    """Return the members of a union, None left out, or the annotation alone."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return tuple(member for member in typing.get_args(annotation) if member is not type(None))
    return (annotation,)


def is_optional(annotation: Any) -> bool:  # noqa: ANN401
    """Tell whether None is one of the values."""
    return type(None) in typing.get_args(annotation)


def choices(annotation: Any) -> list[str]:  # noqa: ANN401
    """Return the words a `Literal` allows; empty for any other type."""
    literals = [member for member in alternatives(annotation) if typing.get_origin(member) is typing.Literal]
    return [str(word) for literal in literals for word in typing.get_args(literal)]


def takes_text(annotation: Any) -> bool:  # noqa: ANN401
    """Tell whether every value (other than none) is a text, so that `010` or `off` are meant as they are written."""
    return all(member is str or typing.get_origin(member) is typing.Literal for member in alternatives(annotation))


def type_text(annotation: Any) -> str:  # noqa: ANN401
    """Return a type as help and error messages show it: "int", "float or none", "one of error, skip"."""
    if words := choices(annotation):
        text = f"one of {', '.join(words)}"
    else:
        members = alternatives(annotation)
        text = " or ".join(getattr(m, "__name__", str(m)) if not typing.get_args(m) else str(m) for m in members)
    return f"{text} or none" if is_optional(annotation) else text


def value_text(value: Any) -> str:  # noqa: ANN401
    """Return a value as it is typed on the command line."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(value_text(item) for item in value)}]"
    return str(value)
