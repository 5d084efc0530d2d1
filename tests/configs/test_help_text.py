"""Help and list are complete."""

import dataclasses

import pytest

from configs.errors import CommandError
from configs.fields import settings, value_text
from configs.help_text import help_text, list_text
from configs.layers import experiments
from configs.registry import BASES, component, names
from configs.schema import Config, TrainerConfig

KEYS = {"dataset": "data", "backbone": "backbone", "model": "model"}


def test_help_shows_every_setting_with_default_and_sentence() -> None:
    text = help_text()
    every = list(settings(Config))
    for kind, key in KEYS.items():
        every += [item for name in names(kind) for item in settings(component(kind, name).config, key)]
    for item in every:
        if item.key.endswith(".name"):
            continue
        assert f"  {item.key}: " in text
        assert f" = {value_text(item.default)}\n      {item.sentence}" in text
    assert "???" not in text


def test_help_of_one_group_shows_nothing_else() -> None:
    lines = [line for line in help_text("trainer").splitlines() if line.startswith("  ") and line[2] != " "]
    assert len(lines) == len(dataclasses.fields(TrainerConfig))
    assert all(line.startswith("  trainer.") for line in lines)


def test_help_of_data_shows_every_dataset() -> None:
    text = help_text("data")
    assert all(f"data.name={name}: " in text for name in names("dataset"))
    assert "trainer." not in text


def test_help_of_an_unknown_group() -> None:
    with pytest.raises(CommandError, match="'optimizer'"):
        help_text("optimiser")


def test_list_names_all_experiments_and_components() -> None:
    text = list_text()
    for name in experiments():
        assert f"\n  {name}\n" in text
        assert f"python train.py experiment={name}" in text
    for kind in BASES:
        assert f"{kind}s (" in text
        assert all(f"\n  {name}: " in text for name in names(kind))
