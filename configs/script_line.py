"""Command lines of scripts with a schema of their own: the same typing, messages and help as that of train.py."""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from configs.compose import show
from configs.errors import InputError
from configs.fields import settings
from configs.help_text import entry
from configs.layers import command_line_layer
from configs.merge import fill

Schema = TypeVar("Schema")
Words = ParamSpec("Words")


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


def one_line_errors(main: Callable[Words, int]) -> Callable[Words, int]:
    """Have a `main` say on stderr, in one line, what it cannot use or that it was interrupted, and return the code."""

    @functools.wraps(main)
    def told(*args: Words.args, **kwargs: Words.kwargs) -> int:
        try:
            return main(*args, **kwargs)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
        except KeyboardInterrupt:
            print("error: interrupted", file=sys.stderr)
            return 1

    return told
