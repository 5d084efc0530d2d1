"""The columns of the table of explanations: what they are called, in which unit, and which way is better."""

from typing import NamedTuple


class Column(NamedTuple):
    """One score of explanations.

    `up`: whether higher is better; None for scores without a good direction. `at_energy`: whether it is measured at
    natural and at equal mask energy, or once for both.
    """

    key: str
    label: str
    unit: str
    up: bool | None
    sentence: str
    at_energy: bool = True


COLUMNS: tuple[Column, ...] = (
    Column(
        "average_increase",
        "Increase",
        "%",
        True,
        "AI: share of clips whose class gets likelier when only what the explanation keeps is heard.",
    ),
    Column(
        "input_fidelity",
        "Same class",
        "",
        True,
        "Fid-In: share of clips in which what the explanation keeps is heard as the same class.",
    ),
    Column(
        "removal_probability",
        "Removal",
        "",
        True,
        "FF: probability the class loses when what the explanation keeps is taken away.",
    ),
    Column("average_drop", "Drop", "%", False, "AD: part of the class's probability that goes with what is left out."),
    Column("average_gain", "Gain", "%", True, "AG: part of the missing probability that is gained."),
    Column("removal_logit", "Removal, logit", "", True, "FF in logits."),
    Column("si_sdr_gain", "SI-SDR gain", "dB", True, "How much closer to the class's own sound the explanation is."),
    Column(
        "mask_in_accuracy", "Kept right", "", True, "Share of clips in which the part kept is heard as the true class."
    ),
    Column("mask_out_accuracy", "Rest right", "", False, "The same of what is left without it."),
    Column("sparseness", "Sparseness", "", True, "SPS: Gini index of the mask."),
    Column("complexity", "Complexity", "nats", False, "COMP: entropy of the mask."),
    Column("energy_kept", "Energy kept", "", None, "Share of the clip's energy that the mask lets through."),
    Column(
        "deletion_area",
        "Deletion",
        "",
        False,
        "Mean probability of the class while the most relevant bins are taken away first.",
        False,
    ),
    Column(
        "insertion_area",
        "Insertion",
        "",
        True,
        "Mean probability of the class while the most relevant bins are let in first.",
        False,
    ),
    Column(
        "stability",
        "Stability",
        "",
        True,
        "Cosine of the relevance with and without noise 30 dB below the clip.",
        False,
    ),
)
"""In the order of the table; the first ones are the headline."""

HEADLINE = ("average_increase", "input_fidelity", "removal_probability")
"""Columns by which explanations are ranked and compared."""

COST = {
    "explain": "explaining",
    "masks": "masked sounds: increase, same class, removal, drop, gain, kept, rest, shape",
    "curves": "deletion and insertion",
    "stability": "stability",
    "overlap": "SI-SDR",
}
"""What the seconds of a cell were spent on."""

BY_KEY = {column.key: column for column in COLUMNS}

ENERGIES = {"equal": "equal energy", "natural": "natural energy"}
"""At which energies masks are scored."""

CONDITION_TITLES = {
    "clean": "clean clips",
    "other_class": "mixed with another class",
    "white_noise": "mixed with white noise",
    "speech": "mixed with speech",
}
