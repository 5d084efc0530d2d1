"""Settings that a classification benchmark hands on to its trainings, to all of them or to those they fit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.classification_schema import ClassificationBenchmark
from configs.errors import CommandError
from configs.fields import settings as settings_of
from configs.layers import command_line_layer, file_layer
from configs.merge import NODES, node_types
from configs.registry import component
from configs.schema import Config
from report.command import setting_text
from report.run_opening import TWIN

OF_THE_PLAN = {"data.fold": "folds=", "trainer.threads": "threads=", "model.explains": "models=black_box,post_hoc"}
"""Settings that the plan sets itself, and how they are asked for."""


def split_words(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the settings of the benchmark and those of the trainings, which have a dot in their key."""
    own = [word for word in arguments if "." not in word.partition("=")[0]]
    return own, [word for word in arguments if word not in own]


class Settings:
    """Settings `group.name=value` for all trainings, `MODEL.group.name=value` or `DATA.group.name=value` for some.

    Settings of the group `model` go to the models that have them.

    Raises:
        CommandError: A setting that the plan sets itself, or one that is not written as such.
    """

    def __init__(
        self, words: Sequence[str], datasets: Sequence[str], models: Sequence[str], plan: ClassificationBenchmark
    ) -> None:
        layer, _ = command_line_layer(list(words))
        self.values = layer.values
        self.scopes = {*datasets, *models, TWIN} - {"data", "model"}
        self.plugins = [f"plugins={setting_text(plan.plugins)}"] if plan.plugins else []
        self.instruments = {
            f"callbacks.{name}.{key}": setting_text(value)
            for name, chosen in plan.instruments.items()
            for key, value in chosen.items()
        }
        self.used: dict[tuple[str, str], list[str]] = {}
        for name in self.values:
            if (key := self._scoped(name)[1]) in OF_THE_PLAN:
                raise CommandError(f"{name}: the plan sets it; use {OF_THE_PLAN[key]}")

    def _scoped(self, name: str) -> tuple[str, str]:
        head, _, rest = name.partition(".")
        return (head, rest) if head in self.scopes else ("", name)

    def _here(self, data: str, model: str) -> dict[str, str]:
        """Typed name -> key, for what concerns a data set and a model; what is meant for some comes last and counts."""
        found = {name: self._scoped(name) for name in self.values}
        here = {name: scoped for name, scoped in found.items() if scoped[0] in ("", data, model)}
        return {name: key for name, (_, key) in sorted(here.items(), key=lambda item: item[1][0] != "")}

    def certain(self, data: str, model: str) -> list[str]:
        """Return the words that any model takes, such as another backbone or the folder of the recordings."""
        here = self._here(data, model)
        return [
            f"{key}={setting_text(self.values[name])}" for name, key in here.items() if not key.startswith("model.")
        ]

    def placeholders(self, words: Sequence[str], known: Mapping[str, Path]) -> list[str]:
        """Return a word for what an interpreter explains, which is known when its turn comes, else none."""
        named = [word.partition("=")[2] for word in words if word.startswith("model.name=")]
        experiment = words[0].partition("=")[2]
        name = named[-1] if named else file_layer(known[experiment]).values.get("model.name")
        explains = name is not None and hasattr(component("model", str(name)).config, "explains")
        return ["model.explains=?"] if explains else []

    def of(self, data: str, model: str, config: Config) -> list[str]:
        """Return the words for a model on a data set, of which `config` names the components.

        What is asked for counts before the settings that columns bring with them.
        """
        chosen = {node: getattr(config, node).name for node in NODES}
        known = {setting.key for setting in settings_of(Config, replaced=node_types(chosen))}
        used = self.used.setdefault((data, model), [])
        taken: dict[str, str] = {key: value for key, value in self.instruments.items() if _is_known(key)}
        for name, key in self._here(data, model).items():
            if key.startswith("model.") and key not in known and self._scoped(name)[0] == "":
                continue  # of another model
            used.append(name)
            taken[key] = setting_text(self.values[name])
        return [f"{key}={value}" for key, value in taken.items()]

    def given(self, data: str, model: str) -> list[str]:
        """Return the words of the user that a model on a data set has taken."""
        return [f"{name}={setting_text(self.values[name])}" for name in self.used.get((data, model), [])]

    def check_used(self) -> None:
        """Refuse settings that concern none of the models.

        Raises:
            CommandError: With the first of them.
        """
        used = {name for names in self.used.values() for name in names}
        for name in self.values:
            if name not in used:
                raise CommandError(f"unknown key {name}: none of the models has it")


def _is_known(key: str) -> bool:
    """Whether the instrument of a key is registered."""
    known: Any = node_types({})["callbacks"]()
    return hasattr(known, key.split(".")[1])
