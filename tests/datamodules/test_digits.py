"""Spoken digits in both published layouts, split by speaker, officially or by list; and what is wrong with them."""

import hashlib
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from configs.compose import compose
from configs.errors import CommandError, InputError
from configs.gan_schema import DigitsData
from datamodules import digits_files
from datamodules.clip_source import ClipSource
from datamodules.digits import DIGITS, Digits
from tests.datamodules.loopback import served

RATE = 8000


def write(path: Path, seconds: float = 0.3, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.sin(np.arange(round(seconds * rate)) * 0.3) * 0.5, rate)


@pytest.fixture
def fsdd(tmp_path):
    for digit in range(10):
        for speaker in ("anna", "bela", "cora"):
            for index in (0, 4, 5, 12):
                write(tmp_path / "recordings" / f"{digit}_{speaker}_{index}.wav", 0.2 + 0.1 * (index == 12))
    return tmp_path


@pytest.fixture
def sc09(tmp_path):
    lists = {"validation_list.txt": "bb", "testing_list.txt": "cc"}
    for file in lists:
        (tmp_path / file).write_text("")
    for word in (*DIGITS, "cat"):
        for speaker in ("aa", "bb", "cc"):
            write(tmp_path / word / f"{speaker}_nohash_0.wav", 0.1, 16000)
    for file, speaker in lists.items():
        (tmp_path / file).write_text("".join(f"{word}/{speaker}_nohash_0.wav\n" for word in (*DIGITS, "cat")))
    return tmp_path


def open_digits(root, **settings):
    return Digits(DigitsData(root=str(root), **settings), RATE)


def speakers(digits):
    return {split: {digits.speaker(clip) for clip in clips} for split, clips in digits.splits.items()}


def test_fsdd_by_speaker(fsdd):
    digits = open_digits(fsdd)
    assert isinstance(digits, ClipSource)
    assert digits.class_names == DIGITS
    assert speakers(digits) == {"train": {"anna"}, "val": {"bela"}, "test": {"cora"}}
    assert [len(digits.splits[split]) for split in ("train", "val", "test")] == [40, 40, 40]
    clip = next(clip for clip in digits.splits["train"] if clip.name == "recordings/7_anna_12.wav")
    assert (clip.target, clip.group) == (7, "anna")
    named = open_digits(fsdd, test_speakers=["anna"], val_speakers=["cora"])
    assert speakers(named) == {"train": {"bela"}, "val": {"cora"}, "test": {"anna"}}
    assert speakers(open_digits(fsdd, val_speakers=["cora"])) == {"train": {"anna"}, "val": {"cora"}, "test": {"bela"}}


def test_fsdd_officially(fsdd):
    digits = open_digits(fsdd, split="official")
    indices = {split: {clip.name.split("_")[2] for clip in clips} for split, clips in digits.splits.items()}
    assert indices["test"] == {"0.wav", "4.wav"}
    assert indices["train"] | indices["val"] == {"5.wav", "12.wav"}
    assert len(digits.splits["test"]) == 60
    assert len(digits.splits["val"]) == pytest.approx(12, abs=5)
    names = [clip.name for clips in digits.splits.values() for clip in clips]
    assert len(set(names)) == 120


def test_the_folder_of_recordings_itself_is_taken(fsdd):
    assert len(open_digits(fsdd / "recordings").splits["train"]) == 40


@pytest.mark.parametrize("inside", ["", "SpeechCommands/speech_commands_v0.02"])
def test_speech_commands_by_their_lists(sc09, tmp_path_factory, inside):
    root = sc09
    if inside:
        root = tmp_path_factory.mktemp("data")
        (root / inside).parent.mkdir(parents=True)
        sc09.rename(root / inside)
    digits = open_digits(root)
    assert speakers(digits) == {"train": {"aa"}, "val": {"bb"}, "test": {"cc"}}
    assert all(len(clips) == 10 for clips in digits.splits.values())
    names = [clip.name for clip in digits.splits["train"]]
    assert names[3] == f"{inside}/three/aa_nohash_0.wav".lstrip("/")
    assert [clip.target for clip in digits.splits["train"]] == list(range(10))


def test_speech_commands_are_split_as_torchaudio_splits_them(tmp_path):
    """On a miniature of the archive: speakers with several recordings, words that are no digits, noise, odd lists."""
    from torchaudio.datasets import SPEECHCOMMANDS

    folder = tmp_path / "SpeechCommands" / "speech_commands_v0.02"
    listed: dict[str, list[str]] = {"validation_list.txt": [], "testing_list.txt": []}
    for number, word in enumerate((*DIGITS, "cat", "zebra")):
        for speaker in ("0a7c2a8d", "1b4c9b89", "3cc595de", "b66f4f93", "ffd2ba2f"):
            for index in range(1 + (number + len(word) + int(speaker[0], 16)) % 3):
                name = f"{word}/{speaker}_nohash_{index}.wav"
                write(folder / name, 0.02, 16000)
                where = {"1b4c9b89": "validation_list.txt", "ffd2ba2f": "testing_list.txt"}.get(speaker)
                if where:
                    listed[where].insert(0, name)
    write(folder / "_background_noise_" / "white_noise.wav", 0.02, 16000)
    (folder / "LICENSE").write_text("CC BY 4.0")
    for file, names in listed.items():
        (folder / file).write_text("".join(f"{name}\n" for name in names))
    digits = open_digits(tmp_path, split="official")
    for split, subset in (("train", "training"), ("val", "validation"), ("test", "testing")):
        theirs = SPEECHCOMMANDS(tmp_path, subset=subset)
        metadata = [theirs.get_metadata(n) for n in range(len(theirs))]
        wanted = {(path, label, speaker) for path, _, label, speaker, _ in metadata if label in DIGITS}
        inside = {
            (clip.name.removeprefix("SpeechCommands/"), DIGITS[clip.target], digits.speaker(clip))
            for clip in digits.splits[split]
        }
        assert len(digits.splits[split]) == len(inside) >= 10
        assert inside == {(path.removeprefix("SpeechCommands/"), *more) for path, *more in wanted}


def test_long_clips_keep_their_beginning_and_short_ones_may_be_padded(fsdd):
    plain, cut = open_digits(fsdd, seconds=None), open_digits(fsdd, seconds=0.25)
    padded = open_digits(fsdd, seconds=0.25, padded=True)
    short, long = (f"recordings/3_anna_{index}.wav" for index in (4, 12))
    clips = {clip.name: clip for clip in plain.splits["train"]}
    assert len(plain.read(clips[long])[0]) == 2400
    assert np.array_equal(cut.read(clips[long])[0], plain.read(clips[long])[0][:2000])
    assert len(cut.read(clips[short])[0]) == 1600
    samples, rate = padded.read(clips[short])
    assert (len(samples), rate) == (2000, RATE)
    assert not samples[1600:].any()
    assert [source.seconds(clips[short]) for source in (plain, cut, padded)] == pytest.approx([0.2, 0.2, 0.25])
    assert [source.seconds(clips[long]) for source in (plain, cut, padded)] == pytest.approx([0.3, 0.25, 0.25])
    assert len({source.content_key(clips[long]) for source in (plain, cut, padded)}) == 3


def test_wrong_folders_and_names_are_refused_in_one_line(fsdd, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(InputError, match=r"has neither recordings/DIGIT_SPEAKER_INDEX\.wav"):
        open_digits(empty)
    with pytest.raises(InputError, match="does not exist"):
        open_digits(empty / "no")
    with pytest.raises(InputError, match="no speaker 'dora'; there are anna, bela, cora"):
        open_digits(fsdd, test_speakers=["dora"])
    with pytest.raises(InputError, match="needs three speakers"):
        open_digits(fsdd, test_speakers=["bela", "cora"], val_speakers=["anna"])
    write(fsdd / "recordings" / "11_anna_0.wav")
    with pytest.raises(InputError, match=r"11_anna_0\.wav is not named as fsdd's files are"):
        open_digits(fsdd)
    (fsdd / "recordings" / "11_anna_0.wav").unlink()
    for path in (fsdd / "recordings").glob("4_anna_*.wav"):
        path.unlink()
    with pytest.raises(InputError, match="the digit four has no training clips"):
        open_digits(fsdd)


def test_speech_commands_that_are_not_whole_are_refused(sc09):
    (sc09 / "nine" / "cc_nohash_0.wav").rename(sc09 / "nine" / "cc_0.wav")
    with pytest.raises(InputError, match=r"cc_0\.wav is not named as Speech Commands' files are"):
        open_digits(sc09)
    (sc09 / "nine" / "cc_0.wav").unlink()
    with pytest.raises(InputError, match=r"nine/cc_nohash_0\.wav is in testing_list\.txt and not in its folder"):
        open_digits(sc09)
    write(sc09 / "nine" / "cc_nohash_0.wav")
    write(sc09 / "two" / "bb_nohash_7.wav")
    with pytest.raises(InputError, match=r"speaker bb is in (val and in train|train and in val) by the lists"):
        open_digits(sc09)
    (sc09 / "validation_list.txt").unlink()
    with pytest.raises(InputError, match=r"validation_list\.txt cannot be read"):
        open_digits(sc09)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "data.root is needed by data.name=digits"),
        (["data.root=x", "data.padded=true", "data.seconds=none"], "data.padded=true needs data.seconds"),
        (["data.root=x", "data.download=true"], "set data.layout=fsdd or data.layout=sc09"),
        (["data.root=x", "data.split=official", "data.test_speakers=[theo]"], "needs data.split=speaker, not official"),
        (["data.root=x", "data.test_speakers=[a]", "data.val_speakers=[a]"], "share 'a'"),
    ],
)
def test_settings_that_contradict_each_other(arguments, message):
    with pytest.raises(CommandError, match=message):
        compose(["experiment=digits_black_box", *arguments])


@pytest.fixture
def site(tmp_path_factory):
    """A web server on loopback: its address and the folder it serves."""
    folder = tmp_path_factory.mktemp("site")
    with served(folder) as address:
        yield address, folder


def test_speech_commands_are_fetched_where_they_are_missing(sc09, site, tmp_path_factory, monkeypatch):
    """The archive has no folder of its own, and a hash that is checked where it comes from its publisher."""
    url, folder = site
    root = tmp_path_factory.mktemp("fresh") / "data"
    with tarfile.open(folder / "sc.tar.gz", "w:gz") as archive:
        archive.add(sc09, ".")
    monkeypatch.setitem(digits_files.URLS, "sc09", f"{url}/sc.tar.gz")
    with pytest.raises(InputError, match=r"has SHA-256 [0-9a-f]{64}, not af14739e.*: damaged or replaced"):
        open_digits(root, layout="sc09", download=True)
    assert not root.exists()
    sha256 = hashlib.sha256((folder / "sc.tar.gz").read_bytes()).hexdigest()
    monkeypatch.setattr(digits_files, "SPEECH_COMMANDS_SHA256", sha256)
    assert len(open_digits(root, layout="sc09", download=True).splits["test"]) == 10
    (folder / "sc.tar.gz").unlink()
    open_digits(root, layout="sc09", download=True)  # already there: nothing is asked of the server


def test_fsdd_is_fetched_and_counted(site, tmp_path_factory):
    url, folder = site
    built = tmp_path_factory.mktemp("built")
    write(built / "recordings" / "0_anna_0.wav")
    sound = (built / "recordings" / "0_anna_0.wav").read_bytes()
    for name in (
        f"{d}_{who}_{n}.wav" for d in range(10) for who in ("anna", "bela", "cora", "dina") for n in range(50)
    ):
        (built / "recordings" / name).write_bytes(sound)

    def archive(name: str) -> None:
        with tarfile.open(folder / name, "w") as made:
            made.add(built, "free-spoken-digit-dataset-1.0.10")

    archive("fsdd.tar")
    (built / "recordings" / "3_bela_7.wav").unlink()
    archive("short.tar")
    root = tmp_path_factory.mktemp("fresh") / "fsdd"
    with pytest.raises(InputError, match="is not as published: it has 49 recordings of digit 3 by bela"):
        open_digits(root, layout="fsdd", download=True, url=f"{url}/short.tar")
    assert not root.exists()
    digits = open_digits(root, layout="fsdd", download=True, url=f"{url}/fsdd.tar")
    assert sum(map(len, digits.splits.values())) == 2000


def test_the_terms_of_each_set_are_printed(fsdd, sc09, capsys):
    open_digits(fsdd, layout="fsdd")
    assert "CC BY-SA 4.0. Please cite Z. Jackson" in capsys.readouterr().err
    open_digits(sc09, layout="sc09")
    assert "CC BY 4.0. Please cite P. Warden" in capsys.readouterr().err


@pytest.mark.real_data
def test_real_digits(shared_data):
    digits = open_digits(shared_data / "fsdd")
    assert sum(map(len, digits.splits.values())) == 2000
    official = open_digits(shared_data / "fsdd", split="official")
    assert len(official.splits["test"]) == 200
    assert len({official.speaker(clip) for clip in official.splits["val"]}) == 4
