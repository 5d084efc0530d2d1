"""What the last point of the layer probes says, as entries of Weights & Biases: its tables, and a sound by layers."""

import csv
from pathlib import Path
from typing import Any

from callbacks.listening_media import Entries
from report.layer_pages_file import FOLDER, SOUNDS, load_points
from report.sound_file import read_sound

TABLES = ("carried", "probes", "sections", "effects", "patching", "controlling_latents", "copying", "doses")
"""Tables that are logged, where the run has them."""


def end_entries(folder: Path) -> Entries:
    """Tables of the last point, and the first sound that is shown with the listening copies of its layers."""

    def entries(wandb: Any) -> dict[str, Any]:  # noqa: ANN401 - the module
        found: dict[str, Any] = {}
        for name in TABLES:
            path = folder / FOLDER / f"{name}.csv"
            if path.is_file():
                header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
                found[f"layer_probes/{name}_table"] = wandb.Table(columns=header, data=rows)
        points = load_points(folder)
        for item in (points.last.get("shown", []) if points else [])[:1]:
            files = [(item["name"], item["file"]), *((part["layer"], part.get("file", "")) for part in item["layers"])]
            found["layer_probes/sounds"] = [
                wandb.Audio(str(folder / SOUNDS / file), caption=title)
                for title, file in files
                if read_sound(folder / SOUNDS / file) is not None
            ]
        return found

    return entries
