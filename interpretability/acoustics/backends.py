"""Who measures: our own batched torch code, or Praat where its extra is installed."""

from importlib import import_module
from types import ModuleType
from typing import Literal, get_args

from configs.errors import InputError

Backend = Literal["torch", "praat"]
"""`torch` is batched and runs anywhere; `praat` goes clip by clip through praat-parselmouth (GPL, extra `praat`)."""


def checked_backend(what: str, backend: str) -> None:
    """Raise InputError if a backend does not exist."""
    if backend not in get_args(Backend):
        raise InputError(f"{what}: backend is {' or '.join(get_args(Backend))}, not {backend!r}")


def parselmouth() -> ModuleType:
    """Return the module that Praat is called through.

    Raises:
        InputError: if the extra is not installed.
    """
    try:
        return import_module("parselmouth")
    except ImportError:
        raise InputError('backend=praat needs an extra: pip install "soundglass[praat]"') from None
