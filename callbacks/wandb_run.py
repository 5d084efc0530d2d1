"""A Weights & Biases run that never asks, never fails the training, and keeps every file in the run folder."""

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from configs.errors import CommandError
from configs.schema import LoggerConfig
from report.run_folder import RunFolder

if TYPE_CHECKING:
    from pytorch_lightning.loggers import WandbLogger

SERVER_WAIT = 20
"""Seconds an unreachable server may hold up the start, and again the end, of a training."""


def start_wandb(logger: LoggerConfig, folder: RunFolder, config: dict[str, Any]) -> "WandbLogger | None":
    """Start a run that holds `config` (plain data); return Lightning's logger for it, or None if switched off.

    `online` falls back to `offline`, with a warning of one line, when nobody is logged in or no server answers.

    Raises:
        CommandError: wandb is switched on and cannot be imported.
    """
    if logger.wandb == "disabled":
        return None
    _keep_files_in(folder)
    try:
        import wandb
    except ImportError as error:
        message = f"logger.wandb={logger.wandb} needs wandb ({error}); install it or use logger.wandb=disabled"
        raise CommandError(message) from error
    from pytorch_lightning.loggers import WandbLogger

    arguments: dict[str, Any] = {
        "dir": str(folder.path),
        "project": logger.project,
        "entity": logger.entity,
        "tags": logger.tags,
        "name": folder.path.name,
        "id": f"{folder.path.parent.name}-{folder.path.name}"[-64:],
        "config": config,
        "settings": _settings(wandb),
    }
    run = _online_run(wandb, arguments) if logger.wandb == "online" else None
    run = run or wandb.init(mode="offline", **arguments)
    run.define_metric("trainer/global_step")
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return WandbLogger(experiment=run, save_dir=str(folder.path), project=logger.project)


def close_wandb(failed: bool) -> None:
    """End the run, if there is one, marking whether the training failed; wait no longer than SERVER_WAIT."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish(exit_code=int(failed))
        # The background process keeps the folders it was started with; the next run has its own.
        wandb.teardown()


def _online_run(wandb: Any, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - the module wandb and its Run
    """Return a run on the server, or None after a warning."""
    try:
        if not wandb.login(prompt=False, verify=False):
            raise wandb.errors.UsageError("nobody is logged in (wandb login)")
        return wandb.init(mode="online", resume="allow", **arguments)
    except (wandb.errors.Error, OSError) as error:
        wandb.teardown()
        reason = " ".join(str(error).split())[:120]
        warnings.warn(f"logger.wandb=online: {reason}; this run is kept offline", stacklevel=2)
        return None


def _settings(wandb: Any) -> Any:  # noqa: ANN401
    """Return settings for a silent run with bounded waits and nothing of the machine's code in it."""
    return wandb.Settings(
        silent=True,
        console="off",
        init_timeout=SERVER_WAIT,
        login_timeout=SERVER_WAIT,
        finish_timeout=SERVER_WAIT,
        summary_timeout=SERVER_WAIT,
        x_graphql_retry_max=2,
        x_graphql_timeout_seconds=SERVER_WAIT / 4,
        x_disable_stats=True,
        disable_git=True,
        disable_code=True,
    )


def _keep_files_in(folder: RunFolder) -> None:
    """Point every folder wandb would make in the home directory into the run folder."""
    inside = (folder.path / "wandb").resolve()
    inside.mkdir(exist_ok=True)
    os.environ["WANDB_DIR"] = str(inside.parent)
    for name in ("DATA", "CACHE", "CONFIG", "ARTIFACT"):
        os.environ[f"WANDB_{name}_DIR"] = str(inside / name.lower())
    os.environ["WANDB_SILENT"] = "true"
