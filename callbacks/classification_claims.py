"""Who trains what: a claim is a lock on a file, which ends with the processes that hold it, however they end."""

import errno
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

from configs.errors import InputError


@dataclass
class Claim:
    """A cell that this process works on, and the processes that it starts with `descriptor` open.

    A process that inherits the descriptor holds the claim as well: it outlives whoever took it.
    """

    descriptor: int

    def release(self) -> None:
        """Let go; the claim lasts while another process holds it."""
        os.close(self.descriptor)


class Claims:
    """Claims on names, for all processes of one machine that use the same folder."""

    def __init__(self, folder: Path) -> None:
        """Make the folder.

        Raises:
            InputError: It cannot be made.
        """
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made: {error.strerror}") from error

    def take(self, name: str) -> Claim | None:
        """Claim a name; None where a living process has it.

        Raises:
            InputError: The file system has no locks, or the folder cannot be written.
        """
        path = self.folder / f"{name}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return None
            raise InputError(f"{path}: cannot be locked ({error.strerror}); choose output= on a local disk") from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return Claim(descriptor)

    def holder(self, name: str) -> str:
        """Return the number of the process that took a claim, as it wrote it."""
        try:
            return (self.folder / f"{name}.lock").read_text().strip() or "?"
        except OSError:
            return "?"
