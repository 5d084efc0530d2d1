"""Subtraction of sentences against brute force, the published slip against a literal loop, units that are marked."""

import pytest
import torch

from configs.errors import InputError
from interpretability.dissection.caption_embedding import NgramEmbedder
from interpretability.dissection.captions import Captions
from interpretability.dissection.language import NoAnswerError, ask_each
from interpretability.dissection.summary import (
    PUBLISHED_CLIPS,
    PUBLISHED_THRESHOLD,
    Calibrated,
    calibrate,
    calibrated_summaries,
    summaries,
)


def from_table(table):
    """An embedding under which sentences "h0", "h1" ... and "l0", "l1" ... have the cosines of `table`."""
    size = len(table)

    def embed(texts):
        rows = []
        for text in texts:
            unit = torch.zeros(2 * size)
            if text[0] == "h":
                unit[int(text[1])] = 1.0
            else:
                column = torch.tensor(table)[:, int(text[1])]
                unit[:size] = column
                unit[size + int(text[1])] = (1 - column.square().sum()).clamp_min(0).sqrt()
            rows.append(unit)
        return torch.stack(rows)

    return embed


def test_sentences_of_both_ends_are_dropped():
    table = [[0.7, 0.0, 0.0], [0.2, 0.5, 0.0], [0.1, 0.61, 0.3]]
    found = calibrate(["h0", "h1", "h2"], ["l0", "l1", "l2"], from_table(table))
    assert found == Calibrated(("h1",), ("l2",))
    assert found.text == "h1"
    assert calibrate(["h0", "h1", "h2"], ["l0", "l1", "l2"], from_table(table), 0.65) == Calibrated(
        ("h1", "h2"), ("l1", "l2")
    )
    assert calibrate([], ["l0"], from_table(table)) == Calibrated((), ("l0",))
    assert (PUBLISHED_CLIPS, PUBLISHED_THRESHOLD) == (5, 0.6)


def literal(high, low, alike):
    """Lists that lose items while zip goes through them, as a for-loop of Python meets it."""
    high, low = list(high), list(low)
    for above, row in zip(high, alike, strict=False):
        for below, same in zip(low, row, strict=False):
            if same:
                if above in high:
                    high.remove(above)
                if below in low:
                    low.remove(below)
    return Calibrated(tuple(high), tuple(low))


def test_the_published_subtraction_slips():
    generator = torch.Generator().manual_seed(3)
    high, low = [f"h{i}" for i in range(6)], [f"l{i}" for i in range(6)]
    other = 0
    for _ in range(100):
        alike = torch.rand(6, 6, generator=generator) < 0.15
        table = (alike * 0.39 + 0.01).tolist()  # columns stay shorter than 1
        ours = calibrate(high, low, from_table(table), 0.3)
        published = calibrate(high, low, from_table(table), 0.3, as_published=True)
        assert published == literal(high, low, alike.tolist())
        assert ours.high == tuple(h for h, row in zip(high, alike.tolist(), strict=True) if not any(row))
        other += ours != published
    assert other > 50  # the sheet's simulation: 78 % of units


class Echo:
    """A language model that says what it was shown."""

    id = "echo"

    def __init__(self, fails=()):
        self.fails, self.prompts = fails, []

    def ask(self, prompt, schema, system="", audio=None):
        self.prompts.append(prompt)
        for word, final in self.fails:
            if word in prompt:
                raise NoAnswerError(f"no answer about {word}", final)
        shown = [line[2:] for line in prompt.splitlines() if line.startswith("- ")]
        return {"summary": "Sure! " + " ".join(shown)}


CAPTIONS = Captions(
    tuple("abcdef"),
    (
        "A dog barks loudly in the distance.",
        "A small dog is barking near a house.",
        "The audio was recorded with a mobile phone.",
        "Rain falls on a metal roof outside.",
        "The audio was recorded with a mobile phone!",
        None,
    ),
    "test",
    {"f": "timed out"},
)


def test_module_b_keeps_what_is_only_said_of_the_high_end():
    embed = NgramEmbedder([text for text in CAPTIONS.texts if text])
    found = calibrated_summaries(CAPTIONS, torch.tensor([[0, 1, 2]]), torch.tensor([[3, 4, 5]]), Echo(), embed)
    assert not found.marked
    assert found.answers[0].high == ("A dog barks loudly in the distance.", "A small dog is barking near a house.")
    assert found.answers[0].low == ("Rain falls on a metal roof outside.",)
    with pytest.raises(InputError, match="1 units have clips with high values, 2"):
        calibrated_summaries(CAPTIONS, torch.zeros(1, 1), torch.zeros(2, 1), Echo(), embed)


def test_a_unit_without_an_answer_is_marked_and_the_others_go_on():
    embed = NgramEmbedder()
    top, bottom = torch.tensor([[0], [3], [5], [2]]), torch.tensor([[3], [2], [2], [3]])
    found = calibrated_summaries(CAPTIONS, top, bottom, Echo([("barks", False)]), embed)
    assert [answer is None for answer in found.answers] == [True, False, True, False]
    assert found.marked == {0: "no answer about barks", 2: "none of the unit's clips has a caption"}


def test_after_a_final_reason_nothing_more_is_asked():
    model = Echo([("Rain", True)])
    found = summaries(CAPTIONS, torch.tensor([[0], [3], [1], [5]]), model)
    assert len(model.prompts) == 2
    assert list(found.marked) == [1, 2, 3]
    assert found.marked[2] == "no answer about Rain"
    assert found.marked[3] == "none of the unit's clips has a caption"


def test_other_errors_are_not_swallowed():
    def broken(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask_each([1], broken)
