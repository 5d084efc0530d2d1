"""Concept lists by name: the classes of three public data sets, in their own order and spelling."""

import hashlib
from collections.abc import Sequence

from configs.errors import InputError

ESC50 = (
    *("dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow"),
    *("rain", "sea_waves", "crackling_fire", "crickets", "chirping_birds"),
    *("water_drops", "wind", "pouring_water", "toilet_flush", "thunderstorm"),
    *("crying_baby", "sneezing", "clapping", "breathing", "coughing"),
    *("footsteps", "laughing", "brushing_teeth", "snoring", "drinking_sipping"),
    *("door_wood_knock", "mouse_click", "keyboard_typing", "door_wood_creaks", "can_opening"),
    *("washing_machine", "vacuum_cleaner", "clock_alarm", "clock_tick", "glass_breaking"),
    *("helicopter", "chainsaw", "siren", "car_horn", "engine"),
    *("train", "church_bells", "airplane", "fireworks", "hand_saw"),
)
"""ESC-50 (Piczak 2015), in the order of its class numbers."""

GTZAN = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
"""GTZAN (Tzanetakis and Cook 2002), in alphabetical order, as its folders."""

URBANSOUND8K = (
    *("air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling"),
    *("engine_idling", "gun_shot", "jackhammer", "siren", "street_music"),
)
"""UrbanSound8K (Salamon et al. 2014), in the order of its class numbers."""

CONCEPT_LISTS: dict[str, tuple[str, ...]] = {"esc50": ESC50, "gtzan": GTZAN, "urbansound8k": URBANSOUND8K}
"""The lists by name."""

PUBLISHED_SPELLINGS = {"blues": "blue", "engine_idling": "enginge_idling"}
"""Names as they are misspelt in the lists published with Wu et al. 2024."""


def concept_list(name: str, as_published: bool = False) -> tuple[str, ...]:
    """Return a list by its name.

    Args:
        name: "esc50", "gtzan" or "urbansound8k".
        as_published: with the two misspellings of the lists published with the paper.

    Raises:
        InputError: There is no such list.
    """
    if name not in CONCEPT_LISTS:
        raise InputError(f"no concept list {name!r}; known: {', '.join(CONCEPT_LISTS)}")
    names = CONCEPT_LISTS[name]
    return tuple(PUBLISHED_SPELLINGS.get(concept, concept) for concept in names) if as_published else names


def spoken(name: str) -> str:
    """The name of a concept as words: "door_wood_knock" -> "door wood knock"."""
    return " ".join(name.replace("_", " ").replace("-", " ").split())


def list_fingerprint(names: Sequence[str]) -> str:
    """SHA-256 of the names and their order: what a cache of their scores or embeddings depends on."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()
