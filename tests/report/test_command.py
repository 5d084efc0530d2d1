"""The command that repeats a run leads back to its configuration."""

import shlex

import pytest

from configs.compose import compose, config_hash, to_yaml
from report.command import command


@pytest.mark.parametrize(
    "arguments",
    [
        ["experiment=sound_scenes_by_design"],
        ["experiment=sound_scenes_multilabel_black_box", "seed=3", "trainer.max_epochs=7"],
        ["experiment=esc10_by_design", "data.root=/some where/it's", "data.fold=2", "model.pooling=mean"],
        ["experiment=sound_scenes_by_design", "trainer.threads=null", "logger.tags=[a,b]", "augmentation.noise_db=10"],
    ],
)
def test_command_gives_the_same_configuration(tmp_path, arguments):
    config = compose(arguments)
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(config))
    words = shlex.split(command(file))
    assert words[:2] == ["python", "train.py"]
    assert words[2] == arguments[0]
    assert config_hash(compose(words[2:])) == config_hash(config)
    assert len(words) <= len(arguments) + 2


def test_lost_experiment_file_is_made_up_for(tmp_path):
    config = compose(["experiment=sound_scenes_by_design", "seed=9"])
    config.experiment = "gone"
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(config))
    words = shlex.split(command(file))
    assert config_hash(compose(words[2:])) == config_hash(config)


def test_no_configuration_no_command(tmp_path):
    assert command(tmp_path / "config.yaml") == ""
    (tmp_path / "config.yaml").write_text("model: {name: of_another_version}")
    assert command(tmp_path / "config.yaml") == ""
