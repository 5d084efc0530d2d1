"""Settings of published data sets of city sounds and music. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from configs.checks import within
from configs.data_schema import DataConfig

N_FOLDS = 10
"""Folds of UrbanSound8K."""


@dataclass
class ReleaseData(DataConfig):
    """What published data sets share: they need the folder of the release."""

    name: str = "???"
    """Dataset, by its registered name."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        if self.root is None:
            yield (
                f"data.root is needed by data.name={self.name}: "
                "give the folder of the release, or the one to download it to"
            )


@dataclass
class UrbanSound8KData(ReleaseData):
    """UrbanSound8K: ten classes of city sounds in ten official folds, in the layout of the release."""

    name: str = "urbansound8k"
    """Dataset, by its registered name."""
    seconds: float | None = 4.0
    """Length in seconds to which clips are cut or padded; none takes the longest clip."""
    fold: int = 1
    """Official fold kept for the test, 1 to 10."""
    validation_fold: int | None = None
    """Official fold kept for validation; none takes the one after the test's (fold 1 after fold 10)."""
    url: str = "https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz"
    """Address of the publisher's archive, read only with data.download=true."""
    archive_md5: str | None = "9aa69802bbf37fb986f71ec1483a196e"
    """MD5 the archive must have, by default the publisher's; none skips this check."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from within(self, "data", 1, N_FOLDS, ("fold", "validation_fold"))
        if self.validation_fold == self.fold:
            yield f"data.validation_fold={self.fold} is data.fold, the test; choose another fold"


@dataclass
class SonycUstData(ReleaseData):
    """SONYC-UST v2: sounds of New York, tagged by volunteers, in the layout of the release; several labels a clip."""

    name: str = "sonyc_ust"
    """Dataset, by its registered name."""
    seconds: float | None = 10.0
    """Length in seconds to which clips are cut or padded; none takes the longest clip."""
    labels: Literal["coarse", "fine"] = "coarse"
    """The eight coarse classes, or the twenty-three fine ones, of which those of an uncertain kind are not scored."""
    url: str = "https://zenodo.org/records/3966543/files"
    """Address of the publisher's folder of files, read only with data.download=true."""


@dataclass
class GtzanData(ReleaseData):
    """GTZAN: ten genres of music in the fault-filtered split (Kereliuk et al. 2015)."""

    name: str = "gtzan"
    """Dataset, by its registered name."""
    seconds: float | None = 30.0
    """Length in seconds to which clips are cut or padded; none takes the longest clip."""
    url: str = "http://opihi.cs.uvic.ca/sound/genres.tar.gz"
    """Address of the archive, read only with data.download=true; its first host is often silent, a mirror may do."""
    archive_sha256: str | None = "24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6"
    """SHA-256 the archive must have, by default that of the first host's; none skips this check."""


@dataclass
class MtgJamendoData(ReleaseData):
    """MTG-Jamendo: the fifty most frequent tags of music, several a track, in the official artist-wise splits."""

    name: str = "mtg_jamendo"
    """Dataset, by its registered name."""
    seconds: float | None = 30.0
    """Length in seconds of the middle of each track that is taken; none takes whole tracks."""
    split: int = 0
    """Official split, 0 to 4."""
    quality: Literal["low", "full"] = "low"
    """Which of the published files are fetched: mono at a low rate (156 GB), or as uploaded (508 GB)."""
    url: str = "https://cdn.freesound.org/mtg-jamendo/raw_30s"
    """Address of the publisher's folder of audio, read only with data.download=true."""
    lists_url: str = "https://raw.githubusercontent.com/MTG/mtg-jamendo-dataset/master"
    """Address of the publisher's lists of splits, tags and hashes, read only with data.download=true."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from within(self, "data", 0, 4, ("split",))
