"""Fixtures every test may use; the data they need is built here or skipped where it is absent."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings (ESC-10, fsdd, mini-openmic): $SOUNDGLASS_DATA or ../shared/data."""
    folder = Path(os.environ.get("SOUNDGLASS_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set SOUNDGLASS_DATA to the folder that holds ESC-10")
    return folder
