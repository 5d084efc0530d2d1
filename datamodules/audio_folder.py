"""A user's own recordings: class folders or a table of labels, divided the same way wherever they lie."""

from collections.abc import Sequence
from pathlib import Path

from configs.data_schema import AudioFolderData
from configs.errors import InputError
from datamodules.clip_source import SPLITS, Clip, Split
from datamodules.file_source import FileSource
from datamodules.labelled_files import LabelledFile, data_root, read_class_folders, read_label_table
from datamodules.splits import classes_of, most_even_split

# The test is drawn with other seeds than the validation, or the two would follow the same order.
_TEST_SEED, _VAL_SEED = 1000, 0


class AudioFolder(FileSource):
    """Recordings in root/CLASS/, in root/{train,val,test}/CLASS/, or in a table with path, label(s), [split], [group].

    Classes are sorted by name; names are kept as they are. A split that the data do not name is drawn: first the test
    (`test_share` of all training clips), then the validation (`validation_share` of what remains), by whole groups and
    by class as evenly as the groups allow. The draw depends on the clips' names, labels and groups only. Two copies of
    one recording under two names are not detected; give them one group.

    Raises:
        InputError: the folder or the table cannot be used; one line says what is wrong and where.
    """

    def __init__(self, config: AudioFolderData, sample_rate: int) -> None:
        del sample_rate  # files are read at their own rate and resampled on the way into the cache
        root = data_root(config, "a folder of recordings")
        try:
            files = _read(config, root)
        except OSError as error:
            raise InputError(f"data.root={root} cannot be read: {error}") from None
        class_names = tuple(sorted({label for file in files for label in file.labels}))
        if not class_names:
            raise InputError(f"data.root={root} has no class folder; expected one folder per class, or data.table=FILE")
        if len(class_names) < 2:
            raise InputError(f"{root} has one class only ({class_names[0]!r}); a classifier needs two")
        files.sort(key=lambda file: file.name)
        splits = _splits(files, class_names, config)
        paths = {file.name: file.path for file in files}
        super().__init__("audio_folder", class_names, splits, paths, config.multi_label)


def _read(config: AudioFolderData, root: Path) -> list[LabelledFile]:
    """Read the table (sought in the data root, then from the current folder) or the class folders."""
    if config.table is None:
        return read_class_folders(root)
    inside = root / Path(config.table).expanduser()
    path = inside if inside.is_file() else Path(config.table).expanduser()
    if not path.is_file():
        raise InputError(f"no table at data.table={config.table}, neither in {root} nor in the current folder")
    return read_label_table(path, root, config.label_separator, config.multi_label)


def _splits(
    files: Sequence[LabelledFile], class_names: tuple[str, ...], config: AudioFolderData
) -> dict[Split, tuple[Clip, ...]]:
    """Return the splits the data name, with those that they do not name drawn from the training clips."""
    numbers = {name: number for number, name in enumerate(class_names)}
    given: dict[Split, list[Clip]] = {split: [] for split in SPLITS}
    for file in files:
        given[file.split or "train"].append(_clip(file, numbers, config.multi_label))
    _check_groups(given)
    if not given["train"]:
        raise InputError("the data name no training clips, only validation or test; add a split train")
    drawn: dict[Split, tuple[Clip, ...]] = {split: tuple(clips) for split, clips in given.items()}
    if not drawn["test"]:
        drawn["train"], drawn["test"] = _draw(drawn["train"], "test", config.test_share)
    if not drawn["val"]:
        drawn["train"], drawn["val"] = _draw(drawn["train"], "val", config.validation_share)
    absent = set(range(len(class_names))) - {number for clip in drawn["train"] for number in classes_of(clip)}
    if absent:
        raise InputError(
            f"class {class_names[min(absent)]!r} never occurs in training ({len(absent)} such of {len(class_names)}); "
            "give it more recordings, or name the splits"
        )
    return drawn


def _clip(file: LabelledFile, numbers: dict[str, int], multi_label: bool) -> Clip:
    if not multi_label:
        return Clip(file.name, numbers[file.labels[0]], file.group)
    present = {numbers[label] for label in file.labels}
    return Clip(file.name, tuple(float(number in present) for number in range(len(numbers))), file.group)


def _check_groups(given: dict[Split, list[Clip]]) -> None:
    """Raise InputError where a group is given to two splits: its sound would be learned and then tested."""
    home: dict[str, Split] = {}
    for split in SPLITS:
        for clip in given[split]:
            if home.setdefault(clip.group, split) != split:
                raise InputError(f"group {clip.group!r} is in {home[clip.group]} and in {split}; keep it in one split")


def _draw(clips: tuple[Clip, ...], split: Split, share: float) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Return (kept, drawn) clips; for multi-label clips the most even of several draws."""
    key = "data.test_share" if split == "test" else "data.validation_share"
    if share <= 0:
        raise InputError(f"{key}={share:g} leaves no {split} clips, and the data name none; set it above 0")
    if len({clip.group for clip in clips}) < 2:
        raise InputError(f"only one recording to draw the {split} split from; add recordings, or name the splits")
    return most_even_split(clips, share, _TEST_SEED if split == "test" else _VAL_SEED)
