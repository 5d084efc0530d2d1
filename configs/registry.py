"""The components one can choose by name; a plugin adds its own by calling `register` when it is imported.

A component is a dataclass of settings and a dotted path to what those settings build. The path is followed only when
the component is used, so that the command line answers without importing torch.
"""

import dataclasses
import difflib
import functools
import importlib
from dataclasses import dataclass
from typing import Any

from configs.errors import CommandError
from configs.schema import BackboneConfig, CallbackConfig, CallbacksConfig, DataConfig, ModelConfig

BASES: dict[str, type] = {
    "dataset": DataConfig,
    "backbone": BackboneConfig,
    "model": ModelConfig,
    "callback": CallbackConfig,
}
"""Kinds of component, each with the dataclass its settings extend."""

KEYS = {"dataset": "data.name", "backbone": "backbone.name", "model": "model.name", "callback": "callbacks"}
"""Key of the configuration that chooses a component of each kind."""


@dataclass(frozen=True)
class Component:
    """A registered choice: its settings and where its code is."""

    kind: str
    name: str
    config: type
    target: str

    def load(self) -> Any:  # noqa: ANN401 - classes and functions of any signature
        """Import and return what `target` ("package.module:attribute") names.

        Raises:
            CommandError: The module cannot be imported or has no such attribute.
        """
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            message = f"{self.kind} '{self.name}': cannot load {self.target}: {error}"
            raise CommandError(" ".join(message.split())) from error


_components: dict[tuple[str, str], Component] = {}


def register(kind: str, name: str, config: type, target: str) -> None:
    """Add a component: `config` is its dataclass of settings, `target` the "package.module:attribute" it builds.

    Raises:
        CommandError: Unknown kind, a name that is taken or not an identifier, settings that do not extend the base
            of their kind, or a target without a colon.
    """
    if kind not in BASES:
        raise CommandError(f"unknown kind of component '{kind}'; kinds: {', '.join(BASES)}")
    if (kind, name) in _components:
        raise CommandError(f"{kind} '{name}' is already registered ({_components[kind, name].target}); choose another")
    if not name.isidentifier():
        raise CommandError(f"{kind} '{name}': a name holds letters, digits and '_' and starts with no digit")
    if not (dataclasses.is_dataclass(config) and issubclass(config, BASES[kind])):
        raise CommandError(f"{kind} '{name}': its settings must be a dataclass that extends {BASES[kind].__name__}")
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        raise CommandError(f"{kind} '{name}': target '{target}' must read package.module:attribute")
    _components[kind, name] = Component(kind, name, config, target)


def component(kind: str, name: str) -> Component:
    """Return the component of this kind and name.

    Raises:
        CommandError: No such component; the message names the nearest.
    """
    try:
        return _components[kind, name]
    except KeyError:
        hint = nearest(name, names(kind))
        message = f"{KEYS[kind]}={name}: no such {kind}{hint}; known: {', '.join(names(kind)) or 'none'}"
        raise CommandError(message) from None


def names(kind: str) -> list[str]:
    """Return the registered names of a kind, in the order of registration."""
    return [name for of_kind, name in _components if of_kind == kind]


def callbacks_type() -> type[CallbacksConfig]:
    """Return the dataclass of the group `callbacks`: one field for each registered callback."""
    return _callbacks_type(tuple((name, component("callback", name).config) for name in names("callback")))


@functools.cache  # equal groups are of one class, so that equal configurations compare equal
def _callbacks_type(fields: tuple[tuple[str, type], ...]) -> type[CallbacksConfig]:
    if not fields:
        return CallbacksConfig
    members = [(name, config, dataclasses.field(default_factory=config)) for name, config in fields]
    return dataclasses.make_dataclass("Callbacks", members, bases=(CallbacksConfig,))


def nearest(name: str, known: list[str]) -> str:
    """Return ", did you mean 'x'?" for the nearest known name, or an empty string if none is near."""
    started = [word for word in known if len(name) > 2 and word.startswith(name)]
    matches = started or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f", did you mean '{matches[0]}'?" if matches else ""
