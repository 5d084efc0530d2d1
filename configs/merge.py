"""Layers onto the typed schema: unknown keys and wrong types are refused here, in one line that names the key."""

import dataclasses
import inspect
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from configs.errors import CommandError
from configs.fields import Setting, alternatives, choices, is_optional, settings, takes_text, type_text, value_text
from configs.given import Given
from configs.interpolations import register_interpolations
from configs.layers import Layer, Raw, problem_of, read_value
from configs.registry import callbacks_type, component, names, nearest
from configs.schema import Config

Schema = TypeVar("Schema")

NODES = {"data": "dataset", "backbone": "backbone", "model": "model"}
"""Groups whose settings depend on the component chosen by `name`."""


def merge(layers: Sequence[Layer]) -> Config:
    """Merge layers, the last one strongest, onto the schema of the chosen components, and check the result.

    Raises:
        CommandError: Unknown component or key, wrong type, unresolved interpolation, missing or contradictory settings.
    """
    from omegaconf import OmegaConf

    chosen = _chosen(layers)
    replaced = node_types(chosen)
    known = {setting.key: setting for setting in settings(Config, replaced=replaced)}
    register_interpolations()
    config = OmegaConf.structured(Config)
    for node, node_type in replaced.items():
        config[node] = OmegaConf.structured(node_type)
        if node in chosen:
            config[node].name = chosen[node]
    for layer in _without_leftovers(layers, chosen, known):
        for key, value in layer.values.items():
            _set(config, key, value, known, layer)
    return _finished(config, Config)


def fill(schema: type[Schema], layer: Layer) -> Schema:
    """Return the settings of a script that has a schema of its own, from its command line.

    Raises:
        CommandError: As `merge`.
    """
    from omegaconf import OmegaConf

    known = {setting.key: setting for setting in settings(schema)}
    config = OmegaConf.structured(schema)
    for key, value in layer.values.items():
        _set(config, key, value, known, layer)
    filled = _finished(config, schema)
    if isinstance(filled, Given):
        filled.typed = frozenset(layer.values)
    return filled


def _finished(config: Any, schema: type[Schema]) -> Schema:  # noqa: ANN401 - OmegaConf's node
    """Return a filled-in node as its dataclass, resolved and checked."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        OmegaConf.resolve(config)
        if missing := sorted(OmegaConf.missing_keys(config)):
            raise CommandError(f"missing: {', '.join(missing)}; give each as key=value")
        result = OmegaConf.to_object(config)
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        raise CommandError(_short(error)) from error
    assert isinstance(result, schema)  # noqa: S101 - narrows the type, cannot fail
    if problems := list(_problems(result)):
        raise CommandError("; ".join(problems))
    return result


def node_types(chosen: Mapping[str, str]) -> dict[str, type]:
    """Return, for the groups that depend on the registry, the dataclass that stands there.

    Raises:
        CommandError: A chosen name is not registered; the message names the nearest.
    """
    types: dict[str, type] = {node: component(NODES[node], name).config for node, name in chosen.items()}
    types["callbacks"] = callbacks_type()
    return types


def _chosen(layers: Sequence[Layer]) -> dict[str, str]:
    """Return the component chosen for each node: the strongest layer that names one, or the schema's default."""
    default = Config()
    chosen = {node: str(getattr(default, node).name) for node in NODES}
    for layer in layers:
        chosen.update({node: str(layer.values[f"{node}.name"]) for node in NODES if f"{node}.name" in layer.values})
    return chosen


def _without_leftovers(layers: Sequence[Layer], chosen: Mapping[str, str], known: Mapping[str, Setting]) -> list[Layer]:
    """Drop what a file says about a component that a stronger layer has replaced by another one.

    So `experiment=esc10_by_design model.name=black_box` works though the file sets model.n_components.
    """
    current = _chosen(())
    kept = []
    for layer in layers:
        current |= {node: str(layer.values[f"{node}.name"]) for node in NODES if f"{node}.name" in layer.values}
        stale: set[str] = set()
        for node, name in current.items():
            if layer.source and name != chosen[node]:
                replaced_type = component(NODES[node], name).config
                stale |= {setting.key for setting in settings(replaced_type, node)} - set(known)
        kept.append(Layer(layer.source, {key: value for key, value in layer.values.items() if key not in stale}))
    return kept


def _set(config: Any, key: str, value: Any, known: Mapping[str, Setting], layer: Layer) -> None:  # noqa: ANN401
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    setting = known.get(key) or _owner(key, known)
    if setting is None:
        if (value == {} or (value is None and layer.source)) and _is_group(key, known):
            return  # an empty group, such as "callbacks:" in a file
        raise CommandError(layer.where() + _unknown(key, value, known))
    typed = _typed(key, value, setting.annotation)
    try:
        OmegaConf.update(config, key, typed, merge=isinstance(typed, dict))
    except (OmegaConfBaseException, TypeError, ValueError) as error:
        raise CommandError(layer.where() + _wrong_type(key, value, setting.annotation)) from error


def _owner(key: str, known: Mapping[str, Setting]) -> Setting | None:
    """Return the setting of which `key` is an entry, if that setting is itself a mapping."""
    parents = (key.rsplit(".", count)[0] for count in range(1, key.count(".") + 1))
    found = next((known[parent] for parent in parents if parent in known), None)
    return found if found is not None and "dict[" in str(found.annotation) else None


def _typed(key: str, value: Any, annotation: Any) -> Any:  # noqa: ANN401
    """Read a value of the command line as its setting's type wants it; `none` means None where None is allowed."""
    if is_optional(annotation) and isinstance(value, str) and value.lower() in ("none", "null", ""):
        return None
    if not isinstance(value, Raw):
        return value
    if takes_text(annotation):
        quoted = re.fullmatch(r"""(["'])(.*)\1""", value, re.DOTALL)
        return quoted[2] if quoted else str(value) or None
    if annotation is int and re.fullmatch(r"[+-]?\d+", value):
        return int(value)  # YAML would read 010 as 8
    return read_value(key, value)


def _is_group(key: str, known: Mapping[str, Setting]) -> bool:
    whole = "data.name" in known  # the schema of a training, not that of a script
    return (whole and key in {*NODES, "callbacks"}) or any(name.startswith(f"{key}.") for name in known)


def _unknown(key: str, value: Any, known: Mapping[str, Setting]) -> str:  # noqa: ANN401
    """Return what to say about a key that is no setting of the chosen components."""
    if _is_group(key, known):
        name = f"name={value}" if key in NODES else "KEY=VALUE"
        return f"{key}={value_text(value)}: '{key}' is a group of settings; write {key}.{name}"
    head, _, last = key.rpartition(".")
    if head in known:
        return f"unknown key {key}: {head} is a single value ({type_text(known[head].annotation)})"
    group, *rest = key.split(".")
    whole = "data.name" in known
    if whole and group == "callbacks" and rest[0] not in names("callback"):
        known_names = ", ".join(names("callback")) or "none"
        return f"unknown key {key}: no such callback{nearest(rest[0], names('callback'))}; known: {known_names}"
    if whole and group in NODES and (owners := _owners(key)):
        return f"unknown key {key}: it belongs to {group}.name={' or '.join(owners)}"
    return f"unknown key {key}{_nearest_key(head, last, list(known)) or '; --help shows all keys'}"


def _owners(key: str) -> list[str]:
    """Return the components whose settings include `key`."""
    node = key.partition(".")[0]
    kind = NODES[node]
    return [name for name in names(kind) if any(s.key == key for s in settings(component(kind, name).config, node))]


def _nearest_key(head: str, last: str, known: list[str]) -> str:
    """Look in the group first, then for the same name elsewhere, then for a group of that name, then everywhere."""
    siblings = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == head}
    same_name = [name for name in known if name.rpartition(".")[2] == last]
    groups = list(dict.fromkeys(name.rpartition(".")[0] for name in known if "." in name))
    misplaced = [group for group in groups if head and group.endswith(f".{head}")]
    if hint := nearest(last, list(siblings)):
        return hint.replace("'", f"'{head}.", 1) if head else hint
    if same_name:
        return f", did you mean '{same_name[0]}'?"
    if misplaced:
        return _nearest_key(misplaced[0], last, known)
    return f"; --help {head} shows its settings" if siblings and head else nearest(f"{head}.{last}", known + groups)


def _wrong_type(key: str, value: Any, annotation: Any) -> str:  # noqa: ANN401
    message = f"{key}={value_text(value)}: expected {type_text(annotation)}"
    if words := choices(annotation):
        return message + nearest(str(value).lower(), words)
    if value is None or value == "":
        return f"{message}, got nothing"
    if "list[" in str(annotation):
        return f"{message}; write {key}=[{value_text(value)}]"
    if int in alternatives(annotation) and re.fullmatch(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", str(value).lower()):
        return f"{message}; write {float(value):.0f}" if float(value).is_integer() else message
    return message


def _problems(config: object) -> Iterator[str]:
    """Yield what the settings' own checks find, and every float that is not finite."""
    groups: list[tuple[str, Any]] = [("", config)]
    while groups:
        key, group = groups.pop(0)
        if hasattr(group, "problems"):
            nested = "group" in inspect.signature(group.problems).parameters  # it stands in more than one place
            yield from group.problems(key) if nested else group.problems()
        for item in dataclasses.fields(group):
            value = getattr(group, item.name)
            full = f"{key}.{item.name}" if key else item.name
            if dataclasses.is_dataclass(value):
                groups.append((full, value))
            elif isinstance(value, float) and not math.isfinite(value):
                yield f"{full}={value} must be a finite number"


def _short(error: Exception) -> str:
    """Return an OmegaConf error in one line, with the key in front."""
    key = getattr(error, "full_key", None)
    return f"{key}: {problem_of(error)}" if key else problem_of(error)
