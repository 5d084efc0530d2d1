"""Command lines of scripts with a schema of their own: the same typing, messages and help as that of train.py."""

from typing import TypeVar

from configs.compose import show
from configs.fields import settings
from configs.help_text import entry
from configs.layers import command_line_layer
from configs.merge import fill

Schema = TypeVar("Schema")


def script_settings(schema: type[Schema], usage: str, arguments: list[str]) -> Schema:
    """Return the settings that `key=value` arguments ask for; `--help` is answered on stdout.

    Raises:
        CommandError: Unknown or missing keys, or wrong values, in one line; the script exits with its `exit_code`.
        SystemExit: With code 0, after `--help`.
    """
    if "--help" in arguments or "-h" in arguments:
        show("\n\n".join([usage.rstrip("\n"), "\n".join(entry(item) for item in settings(schema))]))
        raise SystemExit(0)
    layer, _ = command_line_layer(arguments)
    return fill(schema, layer)
