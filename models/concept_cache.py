"""Scores of concepts kept on disk, so that no later point of a training asks the same encoder about the same clips."""

import hashlib
import os
import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from configs.errors import InputError
from interpretability.dissection.concepts import Concepts
from interpretability.dissection.probe_set import ProbeSet

FIELDS = ("names", "scores", "kind", "source", "observed")


def probe_fingerprint(probe_set: ProbeSet) -> str:
    """SHA-256 of rate, names and samples of the clips in this process: what anything computed from them depends on."""
    digest = hashlib.sha256(repr((probe_set.sample_rate, probe_set.names)).encode())
    for batch in probe_set.batches():
        for waveform, length, index in zip(batch.waveform, batch.length.tolist(), batch.index.tolist(), strict=True):
            digest.update(f"{index} {length}".encode())
            digest.update(waveform[:length].detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def cached_concepts(folder: Path | None, made_of: Sequence[str], make: Callable[[], Concepts]) -> Concepts:
    """Return concepts from the cache, or make and keep them.

    Args:
        folder: of the cache; None makes them anew each time.
        made_of: fingerprints of all they depend on: clips, encoder, list of names ...
        make: makes them.
    """
    if folder is None:
        return make()
    path = folder / f"{hashlib.sha256(chr(0).join(made_of).encode()).hexdigest()}.pt"
    kept = read_concepts(path)
    if kept is not None:
        return kept
    concepts = make()
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    torch.save({name: getattr(concepts, name) for name in FIELDS}, draft)
    draft.replace(path)
    return concepts


def read_concepts(path: Path) -> Concepts | None:
    """Concepts of a file of the cache, read as plain data; None where there are none, or the file is damaged."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return Concepts(*(content[name] for name in FIELDS))
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, pickle.UnpicklingError,
            zipfile.BadZipFile, InputError):  # fmt: skip
        return None
