"""Whether a measured word of a unit survives edits of sound: they should move the unit as they move the descriptor."""

from dataclasses import dataclass

from interpretability.stimuli.edit_effects import EditEffects
from interpretability.stimuli.edit_list import expected_sign


@dataclass(frozen=True)
class WordTest:
    """What edits say of one word of one unit.

    Attributes:
        descriptor: what the word is measured by, such as "centroid".
        more: whether the word means much of it.
        predicted: edits that the word makes a prediction for.
        agree: names of those that move the unit as predicted, at a false discovery rate of 5 % against sham edits.
        contradict: names of those that move it the other way.
    """

    descriptor: str
    more: bool
    predicted: int
    agree: tuple[str, ...]
    contradict: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """One of "no prediction", "confirmed", "contradicted", "mixed" and "not seen"."""
        if not self.predicted:
            return "no prediction"
        if self.agree and self.contradict:
            return "mixed"
        if self.agree:
            return "confirmed"
        return "contradicted" if self.contradict else "not seen"


def check_word(effects: EditEffects, row: int, descriptor: str, more: bool, pole: int = 1) -> WordTest:
    """Compare what edits do to a unit with what its word predicts.

    Args:
        effects: of the unit's layer, on the clips that drive the unit's pole.
        row: of the unit in `effects`.
        descriptor: name of the word's descriptor (interpretability/acoustics/descriptors.py).
        more: whether the word means much of it.
        pole: -1 where the word is of what lowers the unit.
    """
    signs = effects.sign[:, row].tolist()
    expected = [pole * expected_sign(edit, descriptor, more) for edit in effects.edits]
    agree = tuple(edit.name for edit, sign, want in zip(effects.edits, signs, expected, strict=True) if sign * want > 0)
    against = tuple(e.name for e, sign, want in zip(effects.edits, signs, expected, strict=True) if sign * want < 0)
    return WordTest(descriptor, more, sum(want != 0 for want in expected), agree, against)
