"""Which settings of a script were given: these change what a run has stored, also where they are at their default."""

import dataclasses
import functools
from typing import Any

from configs.fields import default_of


class Given:
    """Settings of a script that know which of them were typed; `configs.merge.fill` says so.

    Attributes:
        typed: full keys of the command line, such as "generation.latents".
    """

    typed = frozenset[str]()  # without an annotation: no setting of a dataclass

    def given(self, group: str = "") -> dict[str, Any]:
        """Return the settings of a group (empty: of the top) that were typed, by name.

        Settings made in Python have no command line: there it is those that differ from their default.
        """
        section: Any = functools.reduce(getattr, group.split("."), self) if group else self
        found: dict[str, Any] = {}
        for item in dataclasses.fields(section):
            key, value = f"{group}.{item.name}" if group else item.name, getattr(section, item.name)
            if key in self.typed or value != default_of(item):
                found[item.name] = value
        return found
