"""From command-line arguments to a typed, checked configuration; imports neither torch nor Lightning.

Layers, the last one strongest: schema, default.yaml, experiment/NAME.yaml, command line. With `resume=RUN` the run's
own config.yaml stands in place of the two files.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from configs.errors import CommandError
from configs.help_text import help_text, list_text
from configs.layers import FOLDER, Layer, command_line_layer, experiment_file, file_layer
from configs.merge import merge
from configs.plain import config_hash, from_plain, load_yaml_config, to_plain, to_yaml
from configs.plugins import import_plugins
from configs.registry import nearest
from configs.schema import Config

__all__ = [
    "Printout",
    "compose",
    "config_hash",
    "from_command_line",
    "from_plain",
    "load_yaml_config",
    "parse",
    "to_plain",
    "to_yaml",
]

OPTIONS = ("--help", "-h", "--list", "--print-config")


@dataclass(frozen=True)
class Printout:
    """The answer to `--help`, `--list` or `--print-config`: a text to print instead of a run."""

    text: str


def compose(arguments: list[str]) -> Config:
    """Return the configuration that `key=value` arguments ask for; warnings go to stderr.

    Raises:
        CommandError: Anything wrong with the arguments, a file of settings or a plugin, in one line.
    """
    return merge(_layers(arguments))


def parse(arguments: list[str]) -> Config | Printout:
    """Return the configuration, or the text that a verb (`--help [GROUP]`, `--list`, `--print-config`) asks for.

    Raises:
        CommandError: As `compose`, and for an unknown option.
    """
    options, topics, assignments = _split(arguments)
    if not options:
        return compose(assignments)
    if options[0] == "--print-config":
        return Printout(to_yaml(compose(assignments)))
    _layers(assignments)  # imports plugins, whose components are then shown too
    return Printout(list_text() if options[0] == "--list" else help_text(topics[0] if topics else None))


def from_command_line(arguments: list[str]) -> Config:
    """Return the configuration for a script; a verb is answered on stdout.

    Raises:
        CommandError: As `parse`; the script prints it in one line and exits with its `exit_code`.
        SystemExit: With code 0, after a verb's answer.
    """
    result = parse(arguments)
    if isinstance(result, Printout):
        show(result.text)
        raise SystemExit(0)
    return result


def show(text: str) -> None:
    """Print a text; a reader that stops early is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _split(arguments: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Sort arguments into options, topics of `--help`, and the rest."""
    options, topics, rest = [], [], []
    for position, argument in enumerate(arguments):
        name, sign, topic = argument.partition("=")
        if name in OPTIONS and (not sign or name == "--help"):
            options.append("--help" if name == "-h" else name)
            topics += [topic] if topic else []
        elif position and "=" not in argument and arguments[position - 1] in ("--help", "-h"):
            topics += [] if argument.startswith("-") else [argument]
        elif argument.startswith("-") and "=" not in argument and "." not in argument:
            hint = nearest(argument, list(OPTIONS)) or "; settings are written key=value"
            raise CommandError(f"unknown option {argument}{hint} (options: --help, --list, --print-config)")
        else:
            rest.append(argument)
    return options, topics, rest


def _layers(assignments: list[str]) -> list[Layer]:
    """Return files and command line as layers, with the plugins they name imported."""
    typed, repeated = command_line_layer(assignments)
    for key in dict.fromkeys(repeated):
        print(f"warning: {key} is given more than once; the last one counts, {typed.values[key]}", file=sys.stderr)
    if typed.values.get("resume"):
        layers = [_resumed(Path(str(typed.values["resume"])), typed), typed]
    else:
        default = file_layer(FOLDER / "default.yaml")
        name = str({**default.values, **typed.values}.get("experiment", Config().experiment))
        experiment = file_layer(experiment_file(name))
        typed.values["experiment"] = Path(name).stem if name.endswith((".yaml", ".yml")) else name
        layers = [default, experiment, typed]
    import_plugins(layers)
    return layers


def _resumed(run: Path, typed: Layer) -> Layer:
    file = run / "config.yaml"
    if not file.is_file():
        raise CommandError(f"resume={run}: no config.yaml there; give the folder of a run")
    if "experiment" in typed.values:
        raise CommandError(f"resume={run} continues with the run's own settings; leave out experiment=")
    return file_layer(file)
