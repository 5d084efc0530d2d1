"""Settings of runs that take a second: what tests which train have in common."""

TINY_DATA = ("data.seconds=1", "data.batch_size=16", "front_end.n_mels=32")
TINY_PARTS = ("model.n_components=8", "model.nmf.updates=5", "model.nmf.frames=500")
QUIET = ("trainer.progress=false", "logger.wandb=disabled")
TINY = (*TINY_DATA, "backbone.width=4", *TINY_PARTS, *QUIET)
"""A by-design model."""


def sound_scenes(train: int, val: int, test: int) -> tuple[str, ...]:
    """Return the numbers of sound scenes in each split as settings."""
    return f"data.n_train={train}", f"data.n_val={val}", f"data.n_test={test}"
