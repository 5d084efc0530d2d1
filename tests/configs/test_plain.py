"""Configurations in run folders and checkpoints: round trips, other versions, hashes, resuming."""

import json
from pathlib import Path

import pytest

from configs.compose import compose, config_hash, from_plain, load_yaml_config, to_plain, to_yaml
from configs.errors import CommandError, InputError
from configs.schema import Config

CHANGED = ["run_id=010", "logger.tags=[a,'1']", "data.name=esc50", "data.root=/x y", "data.seconds=none", "twin=true"]


def test_plain_data_round_trip() -> None:
    config = compose(CHANGED)
    plain = to_plain(config)
    assert json.loads(json.dumps(plain)) == plain
    assert from_plain(plain) == config


@pytest.mark.parametrize("run_id", ["010", "1e3", "yes", "a: b", "2026-01-01", "none"])
def test_yaml_round_trip(tmp_path: Path, run_id: str) -> None:
    config = compose([*CHANGED, f"run_id={run_id}"])
    file = tmp_path / "config.yaml"
    file.write_text(to_yaml(config) + "\n")
    assert load_yaml_config(file) == config


def test_a_key_of_another_version_is_named() -> None:
    plain = to_plain(Config())
    plain["trainer"]["epochs"] = 3
    with pytest.raises(InputError, match=r"trainer\.epochs.*another version") as caught:
        from_plain(plain)
    assert caught.value.exit_code == 1
    assert not isinstance(caught.value, CommandError)


def test_a_setting_that_is_lacking_takes_its_default() -> None:
    plain = to_plain(Config())
    del plain["trainer"]["max_epochs"], plain["optimizer"]
    assert from_plain(plain) == Config()


def test_an_unknown_component_is_an_input_error() -> None:
    plain = to_plain(Config())
    plain["backbone"] = {"name": "resnet"}
    with pytest.raises(InputError, match=r"backbone\.name=resnet"):
        from_plain(plain)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file") as caught:
        load_yaml_config(tmp_path / "config.yaml")
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "argument",
    [
        "output=x",
        "run_id=x",
        "logger.wandb=disabled",
        "trainer.progress=false",
        "data.cache_dir=x",
        "data.root=x",
        "data.num_workers=2",
    ],
)
def test_hash_ignores_what_changes_no_result(argument: str) -> None:
    assert config_hash(compose([argument])) == config_hash(compose([]))


@pytest.mark.parametrize(
    "argument",
    [
        "seed=1",
        "data.n_train=1999",
        "model.nmf.updates=201",
        "model.name=black_box",
        "augmentation.enabled=false",
        "optimizer.learning_rate=0.0041",
        "data.scene_seed=1",
        "front_end.n_mels=65",
        "trainer.max_epochs=21",
    ],
)
def test_hash_notices_what_changes_results(argument: str) -> None:
    assert config_hash(compose([argument])) != config_hash(compose([]))


def test_hash_ignores_the_name_of_the_experiment(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("seed: 0\n")
    assert config_hash(compose([f"experiment={file}"])) == config_hash(Config())


def test_hash_is_the_same_after_storing() -> None:
    config = compose(CHANGED)
    assert config_hash(from_plain(to_plain(config))) == config_hash(config)


def test_resume_takes_the_settings_of_the_run(tmp_path: Path) -> None:
    stored = compose(["experiment=sound_scenes_black_box", "seed=5", "run_id=first"])
    (tmp_path / "config.yaml").write_text(to_yaml(stored))
    config = compose([f"resume={tmp_path}", "trainer.max_epochs=40"])
    assert (config.resume, config.trainer.max_epochs) == (str(tmp_path), 40)
    config.resume, config.trainer.max_epochs = None, stored.trainer.max_epochs
    assert config == stored
    with pytest.raises(CommandError, match="leave out experiment="):
        compose([f"resume={tmp_path}", "experiment=esc50_paper"])
