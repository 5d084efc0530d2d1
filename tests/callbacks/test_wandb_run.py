"""Weights & Biases never asks, never reaches out of the run folder, and an unreachable server stops nothing."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from callbacks.wandb_run import close_wandb, start_wandb
from configs.errors import CommandError
from configs.schema import LoggerConfig
from report.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    """A run folder in an otherwise empty home, with no account and no server."""
    for name in ("DIR", "DATA_DIR", "CACHE_DIR", "CONFIG_DIR", "ARTIFACT_DIR", "SILENT", "MODE", "API_KEY"):
        monkeypatch.setenv(f"WANDB_{name}", "")
        monkeypatch.delenv(f"WANDB_{name}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    (tmp_path / "home").mkdir()
    yield RunFolder.create(str(tmp_path / "runs"), "x", "a")
    close_wandb(failed=False)


def test_offline_keeps_every_file_in_the_run_folder(
    folder: RunFolder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logger = start_wandb(LoggerConfig(wandb="offline"), folder, {"seed": 3, "data": {"name": "x"}})
    assert logger is not None
    run = logger.experiment
    assert run.config["data"] == {"name": "x"}
    logger.log_metrics({"train/loss": 1.0}, step=0)
    close_wandb(failed=False)
    assert list(folder.path.glob("wandb/offline-run-*/*.wandb"))
    assert not list((tmp_path / "home").rglob("*wandb*"))
    assert capfd.readouterr() == ("", "")


def test_disabled_imports_nothing() -> None:
    code = """
import sys
from callbacks.wandb_run import close_wandb, start_wandb
from configs.schema import LoggerConfig
from report.run_folder import RunFolder
assert start_wandb(LoggerConfig(wandb="disabled"), RunFolder.at("x", "y", "z"), {}) is None
close_wandb(failed=True)
assert "wandb" not in sys.modules
"""
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


@pytest.mark.parametrize(("key", "reason"), [(None, "nobody is logged in"), ("a" * 40, "onnection refused|giving up")])
def test_online_without_server_or_account_goes_on_offline(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, key: str | None, reason: str
) -> None:
    if key is not None:
        monkeypatch.setenv("WANDB_API_KEY", key)
    started = time.monotonic()
    with pytest.warns(UserWarning, match=rf"logger\.wandb=online: .*({reason}).*kept offline") as caught:
        logger = start_wandb(LoggerConfig(wandb="online"), folder, {})
    assert all("\n" not in str(warning.message) for warning in caught)
    assert logger is not None
    logger.log_metrics({"train/loss": 1.0}, step=0)
    close_wandb(failed=True)
    assert list(folder.path.glob("wandb/offline-run-*/*.wandb"))
    assert time.monotonic() - started < 30


def test_a_missing_wandb_is_a_wrong_command(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(CommandError, match=r"logger\.wandb=offline needs wandb .*logger\.wandb=disabled"):
        start_wandb(LoggerConfig(wandb="offline"), folder, {})
