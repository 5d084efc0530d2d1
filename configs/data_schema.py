"""Settings of data, front end and augmentation. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from configs.checks import above_zero, at_least, below_one, within


@dataclass
class DataConfig:
    """Settings that every dataset has; a plugin's dataset extends this class."""

    name: str = "???"
    """Dataset, by its registered name."""
    root: str | None = None
    """Folder of the recordings."""
    seconds: float | None = 5.0
    """Length in seconds to which clips are cut or padded; none takes the longest clip."""
    batch_size: int = 32
    """Clips per batch and process."""
    num_workers: int = 0
    """Worker processes that load batches; results do not depend on it."""
    passes: int = 1
    """Passes over the training split in one epoch; more make validations and checkpoints rarer."""
    cache_dir: str = "~/.cache/soundglass"
    """Folder of the decoded and resampled copy of the recordings."""
    on_bad_file: Literal["error", "skip"] = "error"
    """What a recording that cannot be used does: stop with its name, or be left out and listed."""
    validation_share: float = 0.2
    """Share of the training recordings kept for validation where the data name no validation split."""
    permuted_labels: bool = False
    """Whether training and validation labels are dealt out anew among their clips: a control for explanations."""
    download: bool = False
    """Whether to fetch the data from their publisher into data.root when they are not there."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from at_least(self, "data", 1, ("batch_size", "passes"))
        yield from at_least(self, "data", 0, ("num_workers",))
        yield from above_zero(self, "data", ("seconds",))
        yield from below_one(self, "data", ("validation_share",))


@dataclass
class SoundScenesData(DataConfig):
    """Synthetic 5-second scenes with known sources: needs no files."""

    name: str = "sound_scenes"
    """Dataset, by its registered name."""
    n_train: int = 2000
    """Scenes in the training split."""
    n_val: int = 400
    """Scenes in the validation split."""
    n_test: int = 600
    """Scenes in the test split."""
    multi_label: bool = False
    """Whether a scene may hold several classes at once."""
    max_sources: int = 3
    """Largest number of classes in one multi-label scene."""
    shortcut: str | None = None
    """Class that always carries a hum in training and validation, a planted shortcut for testing the instruments."""
    shortcut_in_test: bool = True
    """Whether the test split keeps the planted hum."""
    scene_seed: int = 0
    """Seed of the scenes themselves, apart from the seed of the training."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "data", 1, ("n_train", "n_val", "n_test", "max_sources"))
        yield from at_least(self, "data", 0, ("scene_seed",))


@dataclass
class Esc50Data(DataConfig):
    """ESC-50 or its ESC-10 subset, in the layout of the release."""

    name: str = "esc50"
    """Dataset, by its registered name."""
    subset: Literal["esc10", "esc50"] = "esc50"
    """All fifty classes, or the ten of ESC-10."""
    fold: int = 1
    """Official fold kept for the test, 1 to 5."""
    url: str = "https://github.com/karolpiczak/ESC-50/archive/refs/heads/master.zip"
    """Address of the publisher's archive, read only with data.download=true."""
    archive_sha256: str | None = None
    """SHA-256 the archive must have; none skips this check."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from within(self, "data", 1, 5, ("fold",))
        if self.root is None:
            yield "data.root is needed by data.name=esc50: give the folder of the release, or the one to download it to"


@dataclass
class OpenMicData(DataConfig):
    """OpenMIC-2018, twenty instruments with partial labels, in the layout of the release."""

    name: str = "openmic"
    """Dataset, by its registered name."""
    seconds: float | None = 10.0
    """Length in seconds to which clips are cut or padded; none takes the longest clip."""
    url: str = "https://zenodo.org/records/1432913/files/openmic-2018-v1.0.0.tgz"
    """Address of the publisher's archive, read only with data.download=true."""
    archive_sha256: str | None = None
    """SHA-256 the archive must have; none skips this check."""
    archive_md5: str | None = "e4ccf187e2bb5ab2e115416e8aafe7f4"
    """MD5 the archive must have, by default the publisher's; none skips this check."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        if self.root is None:
            yield "data.root is needed by data.name=openmic: give the folder of the release, or one to download it to"


@dataclass
class AudioFolderData(DataConfig):
    """A folder with one subfolder per class, or a table of paths and labels."""

    name: str = "audio_folder"
    """Dataset, by its registered name."""
    table: str | None = None
    """CSV file with the columns path, label or labels, and optionally split and group; none reads class folders."""
    label_separator: str = ";"
    """Character between the labels of one clip in the table."""
    multi_label: bool = False
    """Whether a clip may carry several labels."""
    test_share: float = 0.2
    """Share of the recordings kept for the test where the table names no split."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from below_one(self, "data", ("test_share",))
        if self.validation_share + self.test_share >= 1:
            yield (
                f"data.validation_share={self.validation_share} and data.test_share={self.test_share} "
                "leave nothing to train on: their sum must be below 1"
            )
        if self.root is None:
            yield "data.root is needed by data.name=audio_folder: give data.root=PATH of the recordings"
        if self.multi_label and self.table is None:
            yield "data.multi_label=true needs data.table=FILE.csv: class folders give one label per clip"
        if not self.label_separator:
            yield "data.label_separator must not be empty"


@dataclass
class FrontEndConfig:
    """The one time-frequency analysis that classifier, dictionary, masks and metrics share."""

    sample_rate: int = 22050
    """Sample rate in Hz to which every recording is resampled."""
    n_fft: int = 1024
    """Length of the STFT window in samples."""
    hop_length: int = 512
    """Step between STFT frames in samples."""
    features: Literal["log_mel", "ln_mel", "gammatone", "constant_q", "waveform"] = "log_mel"
    """What the classifier sees (ln_mel: Schlueter and Grill 2015); dictionary and masks stay on the invertible STFT."""
    n_mels: int = 64
    """Mel bands seen by the classifier; also the number of gammatone bands or constant-Q bins."""
    mel_of: Literal["power", "magnitude"] = "power"
    """Whether bands sum the power or the magnitude of the STFT."""
    f_min: float = 0.0
    """Lower edge of the bands in Hz; the lowest bin of a constant-Q transform, such as 32.7 (C1)."""
    f_max: float | None = None
    """Upper edge of the bands in Hz; none means half the sample rate."""
    bins_per_octave: int = 12
    """Bins in an octave of a constant-Q transform."""
    trainable: bool = False
    """Whether the filters or kernels of the features are trained with the classifier."""
    normalize: Literal["peak", "none"] = "peak"
    """Whether each clip is divided by its largest absolute sample."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from at_least(self, "front_end", 1, ("sample_rate", "hop_length", "n_mels"))
        yield from at_least(self, "front_end", 2, ("n_fft",))
        if self.hop_length > self.n_fft:
            yield f"front_end.hop_length={self.hop_length} must not exceed front_end.n_fft={self.n_fft}"
        top = self.sample_rate / 2
        if self.f_max is not None and self.f_max > top:
            yield f"front_end.f_max={self.f_max:g} must not exceed half of front_end.sample_rate, {top:g} Hz"
        if not 0 <= self.f_min < (top if self.f_max is None else self.f_max):
            yield f"front_end.f_min={self.f_min:g} must be at least 0 and below front_end.f_max"
        yield from self._feature_problems(top)
        if self.n_mels > self.n_fft // 2 + 1:
            bins = self.n_fft // 2 + 1
            yield f"front_end.n_mels={self.n_mels} must not exceed the {bins} bins of front_end.n_fft={self.n_fft}"

    def _feature_problems(self, top: float) -> Iterator[str]:
        """Yield what the kind of features cannot be made with, up to `top` Hz."""
        yield from at_least(self, "front_end", 1, ("bins_per_octave",))
        if self.trainable and self.features in ("waveform", "ln_mel"):
            yield f"front_end.trainable=true needs filters to train: front_end.features={self.features} has none"
        if self.features != "constant_q":
            return
        if self.f_min <= 0:
            yield "front_end.features=constant_q needs front_end.f_min above 0 Hz, such as 32.7 (C1)"
        elif (highest := self.f_min * 2 ** ((self.n_mels - 1) / self.bins_per_octave)) > top:
            yield (
                f"front_end.n_mels={self.n_mels} constant-Q bins from {self.f_min:g} Hz reach {highest:.0f} Hz, above "
                f"half of front_end.sample_rate, {top:g} Hz; lower front_end.n_mels or front_end.f_min"
            )

    @property
    def n_bands(self) -> int:
        """Rows of the features: bands or bins, or one where the waveform itself is seen."""
        return 1 if self.features == "waveform" else self.n_mels


@dataclass
class AugmentationConfig:
    """Random changes of the training clips, drawn from (seed, epoch, clip) alone."""

    enabled: bool = True
    """Whether training clips are changed at all."""
    gain_db: float = 6.0
    """Largest change of level in dB, up or down."""
    shift: float = 1.0
    """Largest circular shift in time, as a share of the clip."""
    noise_db: float | None = None
    """Signal-to-noise ratio in dB of added white noise; none adds no noise."""
    mixup: float = 0.5
    """Share of the clips that are mixed with another clip and its label."""
    mixup_alpha: float = 1.0
    """Parameter of the symmetric beta distribution the mixing weight is drawn from."""
    time_mask: int = 24
    """Longest masked stretch of the spectrogram in frames."""
    freq_mask: int = 8
    """Widest masked band of the spectrogram in mel bins."""
    masks: int = 2
    """Number of stretches and of bands masked in each spectrogram."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from at_least(self, "augmentation", 0, ("gain_db", "time_mask", "freq_mask", "masks"))
        yield from within(self, "augmentation", 0, 1, ("shift", "mixup"))
        yield from above_zero(self, "augmentation", ("mixup_alpha",))
