"""Every shipped experiment composes, says how it is run, and holds only its differences."""

import shlex

import pytest

from configs.compose import compose, config_hash, from_plain, to_plain
from configs.fields import settings
from configs.layers import FOLDER, experiments, file_layer, flatten
from configs.merge import node_types
from configs.registry import component
from configs.schema import Config


def arguments(name: str) -> list[str]:
    """What the first line of an experiment's file gives train.py, with placeholders for paths."""
    return shlex.split(experiments()[name].read_text().splitlines()[0])[3:]


@pytest.mark.parametrize("name", experiments())
def test_experiment_composes_as_its_first_line_says(name: str) -> None:
    command, purpose = experiments()[name].read_text().splitlines()[:2]
    words = shlex.split(command)
    assert words[:4] == ["#", "python", "train.py", f"experiment={name}"]
    assert purpose.startswith("# ")
    assert purpose.endswith(".")
    config = compose(words[3:])
    assert config.experiment == name
    assert from_plain(to_plain(config)) == config
    assert component("dataset", config.data.name).config is type(config.data)
    assert component("backbone", config.backbone.name).config is type(config.backbone)
    assert component("model", config.model.name).config is type(config.model)


@pytest.mark.parametrize("name", experiments())
def test_experiment_holds_only_differences(name: str) -> None:
    values = file_layer(experiments()[name]).values
    config = compose(arguments(name))
    chosen = {node: getattr(config, node).name for node in ("data", "backbone", "model")}
    defaults = {item.key: item.default for item in settings(Config, replaced=node_types(chosen))}
    defaults |= file_layer(FOLDER / "default.yaml").values
    assert not [key for key, value in values.items() if defaults[key] == value]


def test_experiments_differ() -> None:
    hashes = {config_hash(compose(arguments(name))) for name in experiments()}
    assert len(hashes) == len(experiments())


def test_twins_differ_in_the_model_alone() -> None:
    for name in [name for name in experiments() if name.endswith("_black_box")]:
        _, *given = arguments(name)
        box = flatten(to_plain(compose([f"experiment={name}", *given])))
        twin = flatten(to_plain(compose([f"experiment={name.replace('black_box', 'by_design')}", *given])))
        different = {key for key in box.keys() & twin.keys() if box[key] != twin[key]}
        assert different == {"experiment", "model.name"}
