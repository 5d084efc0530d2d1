"""Names that people gave to components: component_names.json in a run folder, as the report's pages save it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from report.explained import Floats

FILE = "component_names.json"
LONGEST = 60  # characters, as in the pages' name fields


def dictionary_hash(dictionary: Floats) -> str:
    """Return 16 hex digits that say which dictionary W (F, K) names belong to."""
    return hashlib.sha256(np.ascontiguousarray(dictionary, dtype="<f4").tobytes()).hexdigest()[:16]


def read_names(run_folder: Path, dictionary: Floats) -> tuple[dict[int, str], str]:
    """Return component -> name and, where names cannot be used, one sentence that says why (else empty).

    The file is {"dictionary": hash, "names": {"3": "whistle"}}; without "dictionary" it is taken to fit.
    """
    path = run_folder / FILE
    if not path.is_file():
        return {}, ""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("dictionary", dictionary_hash(dictionary)) != dictionary_hash(dictionary):
            return {}, f"{FILE} names the components of another dictionary; its names are left out"
        return _checked(content.get("names", {}), dictionary.shape[1]), ""
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return {}, f"{FILE} cannot be read: {' '.join(str(error).split())}"


def _checked(names: dict[str, Any], n_components: int) -> dict[int, str]:
    numbered = {int(key): str(name).strip()[:LONGEST] for key, name in names.items()}
    return {k: name for k, name in sorted(numbered.items()) if 0 <= k < n_components and name}
