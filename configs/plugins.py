"""Imports the modules of `plugins: [module]`, which register components of the user's own."""

import importlib
from collections.abc import Sequence
from typing import Any

from configs.errors import CommandError
from configs.layers import Layer, Raw, problem_of, read_value


def import_plugins(layers: Sequence[Layer]) -> None:
    """Import the modules named by the strongest layer that names any.

    Raises:
        CommandError: `plugins` is no list of names, or a module cannot be imported or registers a taken name.
    """
    given: Any = next((layer.values["plugins"] for layer in reversed(layers) if "plugins" in layer.values), [])
    modules = read_value("plugins", given) if isinstance(given, Raw) else given
    if not isinstance(modules, list) or not all(isinstance(module, str) for module in modules):
        raise CommandError(f"plugins={given}: expected a list of modules, such as plugins=[my_package.components]")
    for module in modules:
        _import(module)


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except CommandError as error:
        raise CommandError(f"plugin {module}: {error}") from error
    except ModuleNotFoundError as error:
        raise CommandError(f"plugin {module}: {problem_of(error)}; is its folder on PYTHONPATH?") from error
    except Exception as error:  # a plugin may fail in any way; the user needs its name, not a traceback
        raise CommandError(f"plugin {module}: {type(error).__name__}: {problem_of(error)}") from error
