"""The lists are those of the data sets, and are found by name."""

import csv

import pytest

from configs.errors import InputError
from interpretability.dissection.concept_lists import CONCEPT_LISTS, concept_list, list_fingerprint, spoken
from interpretability.dissection.concepts import check_names


def test_sizes_and_spellings():
    assert {name: len(names) for name, names in CONCEPT_LISTS.items()} == {"esc50": 50, "gtzan": 10, "urbansound8k": 10}
    for name, names in CONCEPT_LISTS.items():
        check_names(names, name)
        assert list(names) == [each.lower().replace(" ", "_") for each in names]
    assert list(concept_list("gtzan")) == sorted(concept_list("gtzan"))
    assert list(concept_list("urbansound8k")) == sorted(concept_list("urbansound8k"))
    assert concept_list("gtzan", as_published=True)[0] == "blue"
    assert concept_list("urbansound8k", as_published=True)[5] == "enginge_idling"
    assert concept_list("esc50", as_published=True) == concept_list("esc50")
    with pytest.raises(InputError, match="no concept list 'esc-50'; known: esc50, gtzan, urbansound8k"):
        concept_list("esc-50")


@pytest.mark.real_data
def test_class_numbers_are_those_of_the_release(shared_data):
    names = concept_list("esc50")
    with (shared_data / "ESC-10" / "meta" / "esc50.csv").open() as file:
        rows = {(int(row["target"]), row["category"]) for row in csv.DictReader(file)}
    assert len(rows) == 10
    assert all(names[target] == category for target, category in rows)


def test_the_fingerprint_follows_names_and_order():
    assert list_fingerprint(["a", "b"]) == list_fingerprint(("a", "b"))
    assert len({list_fingerprint(names) for names in (["a", "b"], ["b", "a"], ["ab"], ["a", "b", ""])}) == 4


def test_names_as_words():
    assert spoken("door_wood_knock") == "door wood knock"
    assert spoken(" high-pitched  tone") == "high pitched tone"
