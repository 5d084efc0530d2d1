"""The layers of a configuration before their merge: YAML files and the command line as flat {full key: value}."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.errors import CommandError
from configs.registry import nearest

FOLDER = Path(__file__).parent
EXPERIMENTS = FOLDER / "experiment"

_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Raw(str):
    """A value as typed on the command line; it is read once the type of its setting is known."""

    __slots__ = ()


@dataclass
class Layer:
    """Settings of one origin; `source` is the file's name, or empty for the command line."""

    source: str
    values: dict[str, Any]

    def where(self) -> str:
        """Return what error messages put in front: the file, or nothing."""
        return f"{self.source}: " if self.source else ""


def command_line_layer(assignments: list[str]) -> tuple[Layer, list[str]]:
    """Read `key=value` arguments; also return the keys that were given more than once (the last one counts).

    Raises:
        CommandError: An argument without '=', a key that is none, or a value that is not valid YAML.
    """
    values: dict[str, Any] = {}
    repeated = []
    for argument in assignments:
        key, sign, text = argument.lstrip("-").partition("=")
        if not sign:
            raise CommandError(f"'{argument}' needs key=value, such as trainer.max_epochs=20 (or see --help)")
        _check_key(key, argument)
        given = flatten(read_value(key, text), key) if text.lstrip().startswith("{") else {key: Raw(text)}
        repeated += [name for name in given if name in values]
        values.update(given)
    return Layer("", values), repeated


def _check_key(key: str, argument: str) -> None:
    listed = re.match(r"(.*?)(\[.*|\.\d+(\..*)?)$", key)
    if listed and _KEY.fullmatch(listed[1]):
        raise CommandError(f"'{argument}' sets one item of a list; give the whole list: {listed[1]}=[first,second]")
    if not _KEY.fullmatch(key):
        raise CommandError(f"'{argument}': '{key}' is no key; settings are written group.name=value (see --help)")


def read_value(key: str, text: str) -> Any:  # noqa: ANN401 - YAML holds any type
    """Read the YAML value `text` of the setting `key`; nothing at all is None.

    Raises:
        CommandError: The text is not valid YAML.
    """
    import yaml  # type: ignore[import-untyped]
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"])).get("value")  # type: ignore[union-attr]
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise CommandError(f"{key}={text}: cannot be read as YAML: {problem_of(error)}") from error


def file_layer(path: Path) -> Layer:
    """Read a YAML file of settings.

    Raises:
        CommandError: The file is missing, is not valid YAML or holds no settings.
    """
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        content = OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path}: cannot be read: {problem_of(error)}") from error
    except (yaml.YAMLError, OmegaConfBaseException) as error:
        raise CommandError(f"{path}: is not valid YAML: {problem_of(error)}") from error
    if not isinstance(content, dict):
        raise CommandError(f"{path}: must hold settings (key: value), not a list or a single value")
    return Layer(str(path), {key: value for key, value in flatten(content).items() if key})


def flatten(content: Any, key: str = "") -> dict[str, Any]:  # noqa: ANN401 - YAML holds any type
    """Return nested settings as {full dotted key: value}; an empty group stays as an empty mapping."""
    if not isinstance(content, dict) or not content:
        return {key: content}
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat.update(flatten(value, f"{key}.{name}" if key else str(name)))
    return flat


def experiments() -> dict[str, Path]:
    """Return the experiments that come with the program, name -> file, in alphabetical order."""
    return {path.stem: path for path in sorted(EXPERIMENTS.glob("*.yaml"))}


def experiment_file(name: str) -> Path:
    """Return the file of an experiment, given its name or the path of a YAML file of one's own.

    Raises:
        CommandError: Neither exists; the message names the nearest experiment.
    """
    known = experiments()
    if name in known:
        return known[name]
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise CommandError(f"experiment={name}: no such file; --list shows the experiments that can be given by name")
    raise CommandError(f"experiment={name}: no such experiment{nearest(name, list(known))}; --list shows all")


def problem_of(error: Exception) -> str:
    """Return an exception's own message in one line."""
    text = str(getattr(error, "strerror", None) or getattr(error, "problem", None) or error)
    if hasattr(error, "full_key"):
        text = text.split("\n")[0]  # OmegaConf adds lines about its own types
    mark = getattr(error, "problem_mark", None)  # PyYAML's place of the problem
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return " ".join(text.split()) + place
