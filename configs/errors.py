"""What a user did or gave that cannot be used: shown in one line, never as a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(Exception):
    """Data, a file or a checkpoint that cannot be used; the run fails with exit code 1."""

    exit_code = 1


class CommandError(InputError):
    """A command line or configuration that cannot be used; exit code 2."""

    exit_code = 2


@contextmanager
def naming(key: str) -> Iterator[None]:
    """Put `key` before what is said of input that cannot be used, where the message alone leaves open what gave it.

    Raises:
        InputError: Whatever was raised inside, with its exit code.
    """
    try:
        yield
    except InputError as error:
        kind = CommandError if isinstance(error, CommandError) else InputError
        raise kind(f"{key}: {error}") from error
