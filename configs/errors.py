"""What a user did or gave that cannot be used: shown in one line, never as a traceback."""


class InputError(Exception):
    """Data, a file or a checkpoint that cannot be used; the run fails with exit code 1."""

    exit_code = 1


class CommandError(InputError):
    """A command line or configuration that cannot be used; exit code 2."""

    exit_code = 2
