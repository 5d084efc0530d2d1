from pathlib import Path

import pytest

from configs.compose import compose
from configs.errors import CommandError
from report.run_folder import RunFolder
from report.run_opening import RUN_ID, open_run, twin_config


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", RUN_ID):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def started(tmp_path: Path, *more: str) -> RunFolder:
    return open_run(compose([f"output={tmp_path}", *more]))


def test_a_run_can_go_on_with_its_own_settings(tmp_path: Path) -> None:
    folder = started(tmp_path, "seed=4")
    config = compose([f"resume={folder.path}", "trainer.max_epochs=99", "logger.wandb=disabled", "data.num_workers=2"])
    assert open_run(config) == folder
    assert compose([f"resume={folder.path}"]).trainer.max_epochs == 99  # kept for the next time
    assert compose([f"resume={folder.path}"]).seed == 4


@pytest.mark.parametrize("change", ["seed=5", "model.name=black_box", "data.batch_size=7", "run_id=other"])
def test_another_setting_would_be_another_run(tmp_path: Path, change: str) -> None:
    folder = started(tmp_path)
    with pytest.raises(CommandError, match=f"{change.partition('=')[0]}.* differs from ") as refused:
        open_run(compose([f"resume={folder.path}", change]))
    assert "\n" not in str(refused.value)


def test_more_epochs_reopen_a_finished_run(tmp_path: Path) -> None:
    folder = started(tmp_path, "trainer.max_epochs=3")
    folder.write_summary({"test/accuracy": 1.0})
    open_run(compose([f"resume={folder.path}"]))
    assert folder.read_summary() is not None
    open_run(compose([f"resume={folder.path}", "trainer.max_epochs=4"]))
    assert folder.read_summary() is None


def test_the_second_process_takes_the_folder_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = started(tmp_path)
    written = folder.config.stat().st_mtime_ns
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert open_run(compose([f"output={tmp_path}"])) == folder
    assert folder.config.stat().st_mtime_ns == written
    monkeypatch.delenv(RUN_ID)
    with pytest.raises(CommandError, match="run_id= must be given"):
        open_run(compose([f"output={tmp_path}"]))


def test_the_twin_differs_in_the_model_only(tmp_path: Path) -> None:
    config = compose([f"output={tmp_path}", "twin=true", "model.label_smoothing=0.1", "data.batch_size=8"])
    folder = open_run(config)
    twin = twin_config(config, folder)
    assert (twin.model.name, twin.twin, twin.run_id) == ("black_box", False, f"{folder.path.name}-black_box")
    assert getattr(twin.model, "label_smoothing") == 0.1  # noqa: B009
    assert (twin.data, twin.augmentation, twin.trainer, twin.seed) == (
        config.data,
        config.augmentation,
        config.trainer,
        config.seed,
    )
    assert twin.resume is None
    begun = open_run(twin)
    begun.last.write_bytes(b"checkpoint")
    assert twin_config(config, folder).resume == str(begun.path)


def test_a_twin_without_explanations_is_not_chosen_by_them(tmp_path: Path) -> None:
    choice = ["trainer.monitor=faithfulness/input_fidelity", "trainer.within_standard_errors=1"]
    config = compose(["callbacks.faithfulness.enabled=true", "trainer.max_epochs=7", *choice])
    twin = twin_config(config, RunFolder(tmp_path / "a"))
    assert (twin.trainer.monitor, twin.trainer.within_standard_errors, twin.trainer.max_epochs) == ("auto", None, 7)
    assert config.trainer.monitor == "faithfulness/input_fidelity"
    config.trainer.monitor = "val/loss"
    assert twin_config(config, RunFolder(tmp_path / "a")).trainer.monitor == "val/loss"
