"""The folder of a published data set: found, fetched where that is asked for, or what is wrong with it in one line."""

from collections.abc import Callable
from pathlib import Path

from configs.data_schema import DataConfig
from configs.errors import CommandError, InputError


def release_folder(
    config: DataConfig, title: str, missing: Callable[[Path], list[str]], fetch: Callable[[Path], None] | None
) -> Path:
    """Return data.root, filled by `fetch` first where data.download=true and the folder is absent or empty.

    Args:
        config: settings of the data set.
        title: name of the data set in messages.
        missing: folder -> which parts of the release it lacks; single recordings need not be looked at.
        fetch: fills the folder; None where nobody publishes an archive.

    Raises:
        CommandError: data.root is not set.
        InputError: the folder is absent, a file, empty, one level too high, or lacks parts.
    """
    if config.root is None:
        raise CommandError(f"data.root is not set; give the folder of {title}, or the one to download it to")
    root = Path(config.root).expanduser()
    try:
        return _found(config, root, title, missing, fetch)
    except OSError as error:
        raise InputError(f"data.root={root} cannot be read: {error}") from None


def _found(
    config: DataConfig,
    root: Path,
    title: str,
    missing: Callable[[Path], list[str]],
    fetch: Callable[[Path], None] | None,
) -> Path:
    lacking = missing(root)
    if not lacking:
        return root
    empty = root.is_dir() and not any(root.iterdir())
    if config.download and fetch is not None and (empty or not root.exists()):
        fetch(root)
        return root
    offer = "; data.download=true fetches it" if fetch is not None else ""
    if empty or not root.is_dir():
        state = "is empty" if empty else "is a file" if root.exists() else "does not exist"
        raise InputError(f"data.root={root} {state}; expected {title} there{offer}")
    inner = next((folder for folder in sorted(root.iterdir()) if folder.is_dir() and not missing(folder)), None)
    if inner is not None:
        raise InputError(f"data.root={root} holds the release one folder deeper; give data.root={inner}")
    raise InputError(f"data.root={root} is not {title}: it lacks {', '.join(lacking)}")
