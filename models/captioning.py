"""Captions of the clips of a probe set: from a file, or asked of an audio-language model clip by clip."""

import csv
import io
import json
import wave
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torchaudio.functional import resample

from configs.errors import InputError
from interpretability.dissection.captions import Captions
from interpretability.dissection.language import LanguageModel, NoAnswerError
from interpretability.dissection.probe_set import ProbeSet

SAMPLE_RATE = 16_000
"""Hz at which clips are sent; what audio-language models listen at."""

SYSTEM = "You describe recordings for a study of sound."
PROMPT = (
    "Describe this recording in three to five full sentences: what makes the sounds, what they are like (pitch, "
    "loudness, timbre, rhythm, how they begin and end), and in which surroundings. Say only what is heard."
)  # fmt: skip
SCHEMA = {
    "type": "object",
    "properties": {"caption": {"type": "string"}},
    "required": ["caption"],
    "additionalProperties": False,
}


def caption_clips(probe_set: ProbeSet, model: LanguageModel, prompt: str = PROMPT) -> Captions:
    """Ask an audio-language model for a caption of every clip of the probe set.

    A clip without an answer has no caption, and the reason is kept; after a final reason no more clips are sent.

    Args:
        probe_set: the clips; they are resampled to 16 kHz on the way.
        model: a client, whose cache and budget hold.
        prompt: what it is asked.

    Raises:
        InputError: Not one clip has a caption.
    """
    texts: list[str | None] = [None] * len(probe_set.names)
    missing: dict[str, str] = {}
    final = ""
    for batch in probe_set.batches():
        for waveform, length, index in zip(batch.waveform, batch.length.tolist(), batch.index.tolist(), strict=True):
            name = probe_set.names[index]
            if final:
                missing[name] = final
                continue
            try:
                clip = wav_bytes(waveform[:length], probe_set.sample_rate)
                texts[index] = str(model.ask(prompt, SCHEMA, SYSTEM, clip)["caption"])
            except NoAnswerError as error:
                missing[name] = str(error)
                final = str(error) if error.final else ""
    for name, text in zip(probe_set.names, texts, strict=True):
        if not (text or "").strip():
            missing.setdefault(name, "the answer was empty, or the clip is in another process's share")
    return Captions(probe_set.names, tuple(texts), model.id, missing)


def captions_from_file(path: str | Path, clips: tuple[str, ...]) -> Captions:
    """Read captions from a CSV file (columns clip and caption) or a JSON file (an object, or a list of such objects).

    Clips go by the name they have in the probe set, or by their file name where only one clip has it. Captions of clips
    that are not in the probe set are left.

    Args:
        path: ends in .csv or .json.
        clips: names of the clips of the probe set.

    Raises:
        InputError: No such file, another form, a clip with two captions, or a clip of the probe set without one.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"captions={path}: no such file")
    readers = {".csv": read_csv, ".json": read_json}
    if path.suffix.lower() not in readers:
        raise InputError(f"captions={path}: give a .csv or a .json file")
    try:
        rows = readers[path.suffix.lower()](path)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"captions={path}: cannot be read ({' '.join(str(error).split())[:120]})") from None
    found: dict[str, str] = {}
    for clip, caption in rows:
        if clip in found and found[clip] != caption:
            raise InputError(f"captions={path}: clip {clip!r} has two captions")
        found[clip] = caption
    return Captions(clips, tuple(look_up(clip, clips, found) for clip in clips), str(path))


def look_up(clip: str, clips: tuple[str, ...], found: Mapping[str, str]) -> str | None:
    """The caption under the name of a clip, or under its file name where no other clip has the same."""
    if clip in found:
        return found[clip]
    short = Path(clip).name
    alone = sum(Path(other).name == short for other in clips) == 1
    return found.get(short) if alone else None


def read_csv(path: Path) -> list[tuple[str, str]]:
    """Rows of a CSV file with the columns clip and caption.

    Raises:
        ValueError: It has no such columns.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"clip", "caption"} <= set(reader.fieldnames or ()):
            raise ValueError(f"columns are {', '.join(reader.fieldnames or ()) or 'none'}; expected clip and caption")
        return [(row["clip"], row["caption"] or "") for row in reader]


def read_json(path: Path) -> list[tuple[str, str]]:
    """Entries of a JSON file: {clip: caption}, or a list of {"clip": ..., "caption": ...}.

    Raises:
        ValueError: It has another form.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict):
        rows = list(content.items())
    elif isinstance(content, list) and all(
        isinstance(row, dict) and {"clip", "caption"} <= set(row) for row in content
    ):
        rows = [(row["clip"], row["caption"]) for row in content]
    else:
        raise ValueError('expected {clip: caption}, or a list of {"clip": ..., "caption": ...}')
    wrong = next((clip for clip, caption in rows if not (isinstance(clip, str) and isinstance(caption, str))), None)
    if wrong is not None:
        raise ValueError(f"the caption of {wrong!r} is no text")
    return rows


def wav_bytes(waveform: Tensor, sample_rate: int) -> bytes:
    """A clip (N,) as a 16-bit mono wav file at 16 kHz; what lies beyond [-1, 1] is clipped."""
    heard = resample(waveform.detach().float().cpu(), sample_rate, SAMPLE_RATE)
    samples = (heard.clamp(-1, 1) * 32767).round().to(torch.int16)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.numpy().astype("<i2").tobytes())
    return buffer.getvalue()
