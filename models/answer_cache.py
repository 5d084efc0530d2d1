"""Answers of language models kept on disk, under everything they depend on."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.json_answers import schema_fault


def question_key(model: str, prompt: str, schema: Mapping[str, Any], system: str, audio: bytes | None) -> str:
    """SHA-256 of everything an answer depends on, the samples of the clip included."""
    digest = hashlib.sha256(json.dumps([model, system, prompt, schema], sort_keys=True).encode())
    digest.update(b"" if audio is None else hashlib.sha256(audio).digest())
    return digest.hexdigest()


def read_cached(folder: Path | None, key: str, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer kept under a key; None where there is none, or none that can be read."""
    if folder is None:
        return None
    try:
        answer = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return None if schema_fault(answer, schema) else dict(answer)


def write_cached(folder: Path | None, key: str, answer: Mapping[str, Any]) -> None:
    """Keep an answer: written beside its place and moved there, so that it is whole or absent."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{key}.{os.getpid()}"
    draft.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
    draft.replace(folder / f"{key}.json")
