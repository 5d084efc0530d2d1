"""Captions from files and from a model that listens; missing and unanswered clips are named."""

import io
import json
import wave

import pytest
import torch

from configs.errors import InputError
from interpretability.dissection.language import NoAnswerError
from interpretability.dissection.probe_set import WaveformProbes
from models.captioning import caption_clips, captions_from_file, wav_bytes
from models.language_model import ReplayClient

CLIPS = ("a/1.wav", "a/2.wav", "b/2.wav")


def test_a_clip_goes_as_16_khz_wav():
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(22050) / 22050)
    with wave.open(io.BytesIO(wav_bytes(1.5 * tone, 22050))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        samples = torch.frombuffer(bytearray(file.readframes(file.getnframes())), dtype=torch.int16)
    assert len(samples) == 16000
    spectrum = torch.fft.rfft(samples.float()).abs()
    assert spectrum.argmax() == 440
    assert samples.max() == 32767


def probes():
    waveforms = [torch.full((1600,), 0.1 * i) for i in range(3)]
    return WaveformProbes(waveforms, 16000, CLIPS, batch_size=2)


def test_every_clip_is_heard_within_its_length():
    model = ReplayClient([{"caption": "A dog barks."}, {"caption": "It rains."}, {"caption": "Bells."}])
    found = caption_clips(probes(), model)
    assert found.texts == ("A dog barks.", "It rains.", "Bells.")
    assert [audio for _, audio in model.asked] == [wav_bytes(torch.full((1600,), 0.1 * i), 16000) for i in range(3)]


def test_a_clip_without_an_answer_is_marked_and_the_others_go_on():
    found = caption_clips(probes(), ReplayClient([{"caption": "A dog."}, NoAnswerError("timed out"), {"caption": " "}]))
    assert found.texts == ("A dog.", None, None)
    assert found.missing["a/2.wav"] == "timed out"
    assert "the answer was empty" in found.missing["b/2.wav"]


def test_after_the_last_call_the_rest_is_marked():
    model = ReplayClient([{"caption": "A dog."}, NoAnswerError("the budget is spent", final=True)])
    found = caption_clips(probes(), model)
    assert found.missing == {"a/2.wav": "the budget is spent", "b/2.wav": "the budget is spent"}
    assert len(model.asked) == 2
    with pytest.raises(InputError, match=r"none of the 3 clips has one \(timed out\)"):
        caption_clips(probes(), ReplayClient([NoAnswerError("timed out", final=True)]))


TEXTS = ("One, dog.", "Two", "Three")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", 'clip,fold,caption\na/1.wav,1,"One, dog."\na/2.wav,1,Two\nb/2.wav,2,Three\nelse.wav,9,\n'),
        ("x.csv", '\ufeffclip,caption\n1.wav,"One, dog."\na/2.wav,Two\nb/2.wav,Three\n'),
        ("x.json", json.dumps(dict(zip(CLIPS, TEXTS, strict=True)))),
        ("x.JSON", json.dumps([{"clip": c, "caption": text} for c, text in zip(CLIPS, TEXTS, strict=True)])),
    ],
)
def test_files(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    found = captions_from_file(path, CLIPS)
    assert found.texts == TEXTS
    assert found.source == str(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "clip,caption\na/1.wav,One\n2.wav,Two\n", r"none for clip 'a/2.wav' \(2 such clips\)"),
        ("x.csv", "clip,caption\na/1.wav,One\na/1.wav,Two\n", "clip 'a/1.wav' has two captions"),
        ("x.csv", "file,text\na/1.wav,One\n", "columns are file, text; expected clip and caption"),
        ("x.csv", "", "columns are none"),
        ("x.json", "{", "cannot be read"),
        ("x.json", "[1]", "expected {clip: caption}"),
        ("x.json", '{"a/1.wav": 3}', "the caption of 'a/1.wav' is no text"),
        ("x.txt", "", "give a .csv or a .json file"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        captions_from_file(path, CLIPS)
    with pytest.raises(InputError, match="no such file"):
        captions_from_file(tmp_path / "other.csv", CLIPS)
