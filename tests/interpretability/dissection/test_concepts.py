"""What concepts accept, what they refuse by name, and what a cache of them depends on."""

import pytest
import torch

from configs.errors import InputError
from interpretability.dissection.concepts import Concepts, from_descriptors, from_multi_label, joined, one_hot

NAMES = ("dog", "rain", "bell")


def test_single_labels():
    concepts = one_hot(torch.tensor([0, 2, 2]), NAMES)
    assert concepts.scores.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert (concepts.kind, concepts.source, concepts.n_clips, len(concepts)) == ("binary", "labels", 3, 3)
    assert concepts.constant == ("rain",)  # kept: columns stay those of the data set
    assert concepts.observed is None
    assert concepts.known.all()


def test_partially_observed_labels():
    targets = torch.tensor([[1.0, torch.nan], [0.0, 1.0], [torch.nan, 1.0]])
    concepts = from_multi_label(targets, ("dog", "rain"), ~targets.isnan())
    assert concepts.kind == "binary"
    assert concepts.scores.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert concepts.constant == ("rain",)  # 1 wherever it is known
    assert from_multi_label(torch.tensor([[0.5], [1.0]]), ("dog",)).kind == "probability"
    with pytest.raises(InputError, match="'rain' is nan on clip 0"):
        from_multi_label(targets, ("dog", "rain"))


def test_descriptors_that_are_undefined_are_not_observed():
    table = {"level": torch.tensor([-3.0, -10.0]), "pitch": torch.tensor([440.0, torch.nan])}
    concepts = from_descriptors(table)
    assert concepts.known.tolist() == [[True, True], [True, False]]
    assert concepts.constant == ("pitch",)
    with pytest.raises(InputError, match=r"pitch has shape \(3,\), level \(2,\)"):
        from_descriptors(table | {"pitch": torch.ones(3)})
    with pytest.raises(InputError, match="no descriptors"):
        from_descriptors({})


@pytest.mark.parametrize(
    ("names", "scores", "kind", "message"),
    [
        (("dog", "rain", "dog"), torch.eye(3), "binary", "'dog' is listed 2 times"),
        ((), torch.zeros(3, 0), "binary", "the list is empty"),
        (("dog", " "), torch.eye(2), "binary", "concept 1 has no name"),
        (("dog",), torch.eye(2), "binary", r"shape \(2, 2\), expected \(N, 1\)"),
        (("dog",), torch.zeros(0, 1), "binary", "the probe set is empty"),
        (("dog", "rain"), torch.eye(2) * 2, "binary", r"'dog' is 2.0 on clip 0, which is no binary \(0 or 1\)"),
        (("dog",), torch.tensor([[0.1], [-0.1]]), "probability", "'dog' is -0.1"),
        (("dog",), torch.tensor([[1.0], [torch.inf]]), "score", "'dog' is inf on clip 1"),
        (("dog", "rain"), torch.tensor([[1.0, 0]]).repeat(4, 1), "binary", "all 4 clips are 'dog'"),
        (("dog",), torch.full((3, 1), 0.3), "score", "every concept is the same on all 3 clips"),
    ],
)
def test_what_cannot_be_used_is_named(names, scores, kind, message):
    with pytest.raises(InputError, match=message):
        Concepts(names, scores, kind, "labels")


def test_class_numbers_need_names():
    with pytest.raises(InputError, match="class number 3, but 3 names"):
        one_hot(torch.tensor([0, 3]), NAMES)
    with pytest.raises(InputError, match="class number -1"):
        one_hot(torch.tensor([0, -1]), NAMES)
    with pytest.raises(InputError, match="expected"):
        one_hot(torch.zeros(0, dtype=torch.int64), NAMES)


def test_a_mask_has_the_shape_of_the_scores():
    with pytest.raises(InputError, match="observed has shape"):
        Concepts(("dog",), torch.tensor([[0.0], [1.0]]), "binary", "labels", torch.ones(2, 2, dtype=torch.bool))


def test_another_number_of_clips_is_refused():
    concepts = one_hot(torch.tensor([0, 1]), NAMES)
    assert concepts.require_clips(2) is concepts
    with pytest.raises(InputError, match="have scores of 2 clips, the probe set 5"):
        concepts.require_clips(5)


def test_some_of_them():
    concepts = one_hot(torch.tensor([0, 1, 2]), NAMES)
    assert concepts.chosen(["bell", "dog"]).scores.tolist() == [[0, 1], [0, 0], [1, 0]]
    assert concepts.of_clips(torch.tensor([2, 0])).scores.tolist() == [[0, 0, 1], [1, 0, 0]]
    with pytest.raises(InputError, match="no concept 'cat'; known: dog, rain, bell"):
        concepts.chosen(["cat"])


def test_two_sources_side_by_side():
    labels = one_hot(torch.tensor([0, 1, 1]), ("dog", "rain"))
    both = joined(labels, from_descriptors({"level": torch.tensor([-3.0, torch.nan, -9.0])}))
    assert both.names == ("dog", "rain", "level")
    assert (both.kind, both.source) == ("score", "labels+descriptors")
    assert both.known.tolist() == [[True, True, True], [True, True, False], [True, True, True]]
    with pytest.raises(InputError, match="'dog' is listed 2 times"):
        joined(labels, labels)


def test_the_fingerprint_follows_everything_it_stands_for():
    base = one_hot(torch.tensor([0, 1, 2]), NAMES)
    again = one_hot(torch.tensor([0, 1, 2]), NAMES)
    mask = torch.ones(3, 3, dtype=torch.bool)
    mask[0, 0] = False
    others = [
        one_hot(torch.tensor([0, 2, 1]), NAMES),
        one_hot(torch.tensor([0, 1, 2]), ("dog", "rain", "cat")),
        one_hot(torch.tensor([0, 1, 2]), NAMES, source="captions"),
        Concepts(NAMES, torch.eye(3), "score", "labels"),
        Concepts(NAMES, torch.eye(3), "binary", "labels", mask),
    ]
    assert base.fingerprint == again.fingerprint
    assert len({base.fingerprint, *(other.fingerprint for other in others)}) == 6
