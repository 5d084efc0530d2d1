"""Planted units earn their word, random ones none, and words that class or accident explain are not said."""

from functools import partial

import pytest
import torch

from configs.errors import InputError
from interpretability.acoustics import adjectives
from interpretability.acoustics.adjectives import UnitWords, compose, level_word
from interpretability.acoustics.descriptors import DESCRIPTORS, describe
from tests.interpretability.acoustics.sounds import batch, noise, tone

N, UNITS, K = 400, 240, 16
unit_words = partial(adjectives.unit_words, draws=200_000)
NAMES = tuple(DESCRIPTORS)
CLASSES = torch.arange(N) % 8


@pytest.fixture(scope="module")
def probe() -> dict[str, torch.Tensor]:
    """Random descriptors of 400 clips; the pitch differs between classes and is undefined for a quarter of them."""
    random = torch.Generator().manual_seed(1)
    table = torch.randn(N, len(NAMES), generator=random)
    values = {name: table[:, column].clone() for column, name in enumerate(NAMES)}
    values["f0"] += 0.5 * CLASSES
    values["f0"][torch.rand(N, generator=random) < 0.25] = torch.nan
    values["clipping"] = (values["clipping"] > 1.5).float()
    return values


@pytest.fixture(scope="module")
def in_a() -> torch.Tensor:
    return torch.rand(N, generator=torch.Generator().manual_seed(2)) < 0.5


def tops_of(activation: torch.Tensor, k: int = K) -> torch.Tensor:
    return activation.topk(k, dim=0).indices.T


@pytest.fixture(scope="module")
def found(probe: dict[str, torch.Tensor], in_a: torch.Tensor) -> UnitWords:
    """Units 0-19 respond to a high pitch, 20-39 to dark sounds, the others to nothing."""
    activation = torch.randn(N, UNITS, generator=torch.Generator().manual_seed(3))
    pitch = probe["f0"] - 0.5 * CLASSES
    activation[:, :20] += 4 * pitch.nan_to_num(-3)[:, None]
    activation[:, 20:40] -= 4 * probe["centroid"][:, None]
    return unit_words(probe, tops_of(activation), in_a, CLASSES)


def test_planted_units_get_their_word(found: UnitWords) -> None:
    said = [[word.text for word in found.words(unit)] for unit in range(UNITS)]
    assert sum(words[:1] in (["high-pitched"], ["very high-pitched"]) for words in said[:20]) >= 18
    assert sum(words[:1] in (["dark"], ["very dark"]) for words in said[20:40]) >= 18
    assert found.kept[:, NAMES.index("skewness")].sum() == 0  # measured, but without a word


def test_random_units_get_none(found: UnitWords) -> None:
    assert int(found.kept[40:].sum()) <= 1
    assert float((found.p[40:] <= 0.01).float().mean()) == pytest.approx(0.01, abs=0.005)


def test_few_words_are_false(found: UnitWords) -> None:
    true = torch.zeros_like(found.kept)
    true[:20, NAMES.index("f0")] = True
    true[20:40, NAMES.index("centroid")] = True
    assert int((found.kept & ~true).sum()) <= 0.05 * int(found.kept.sum())


def test_kept_words_pass_every_gate(found: UnitWords) -> None:
    assert (found.delta[found.kept].abs() >= 0.474).all()
    assert (found.q[found.kept] <= 0.01).all()
    assert (found.delta[found.kept] * found.delta_b[found.kept] > 0).all()


def test_a_word_that_the_other_half_denies_is_not_said(probe: dict[str, torch.Tensor], in_a: torch.Tensor) -> None:
    side = torch.where(in_a, 1.0, -1.0)
    activation = probe["tilt"][:, None] * side[:, None] * torch.ones(1, 30)
    activation = activation + 0.1 * torch.randn(N, 30, generator=torch.Generator().manual_seed(4))
    found = unit_words(probe, tops_of(activation), in_a, CLASSES)
    column = NAMES.index("tilt")
    assert (found.delta[:, column] > 0.474).all()
    assert (found.q[:, column] <= 0.01).all()
    assert not found.kept[:, column].any()


def test_what_the_class_explains_needs_no_word(probe: dict[str, torch.Tensor], in_a: torch.Tensor) -> None:
    """Units of the class with the highest pitch: high-pitched among all sounds, not within their class."""
    activation = 5.0 * (CLASSES == 7)[:, None] + torch.randn(N, 40, generator=torch.Generator().manual_seed(5))
    column = NAMES.index("f0")
    within = unit_words(probe, tops_of(activation, 32), in_a, CLASSES)
    among_all = unit_words(probe, tops_of(activation, 32), in_a, CLASSES, match="none")
    assert int(within.kept[:, column].sum()) <= 1
    assert float(within.delta[:, column].nanmean()) == pytest.approx(0, abs=0.15)
    assert float(among_all.delta[:, column].nanmean()) > 0.6
    assert among_all.kept[:, column].float().mean() >= 0.5


def test_without_labels_clips_alike_in_the_rest_are_the_controls(
    probe: dict[str, torch.Tensor], in_a: torch.Tensor
) -> None:
    some = {name: probe[name] for name in ("f0", "centroid", "attack", "level", "rhythm")}
    activation = torch.randn(N, 60, generator=torch.Generator().manual_seed(6))
    activation[:, :20] += 4 * probe["attack"][:, None]
    found = unit_words(some, tops_of(activation), in_a, match="descriptors")
    column = list(some).index("attack")
    assert found.kept[:20, column].float().mean() > 0.9
    assert int(found.kept[20:].sum()) <= 1
    assert found.words(0)[0].text in ("gradual", "very gradual")
    assert found.words(0)[0].descriptor == "attack"


def test_a_pitch_that_most_tops_lack_says_nothing(probe: dict[str, torch.Tensor], in_a: torch.Tensor) -> None:
    f0 = probe["f0"].clone()
    top = f0.nan_to_num(-9).topk(6).indices
    noisy = f0.isnan().nonzero().flatten()[:10]
    found = unit_words({"f0": f0}, torch.cat([top, noisy])[None], torch.ones(N, dtype=torch.bool), match="none")
    assert found.delta.isnan().all()
    assert found.words(0) == ()


def test_fewer_tops_than_places_and_one_half(probe: dict[str, torch.Tensor]) -> None:
    top = torch.full((2, K), -1)
    top[0, :3] = torch.tensor([1, 2, 3])
    found = unit_words(probe, top, torch.ones(N, dtype=torch.bool), CLASSES)
    assert found.delta.isnan().all()
    assert not found.kept.any()


def test_repeated_and_contradicting_words_are_said_once() -> None:
    names = ("harmonicity", "flatness", "entropy", "centroid", "rolloff_85")
    delta = torch.tensor([[0.9, 0.6, -0.7, 0.8, 0.85]])
    found = UnitWords(
        names,
        delta,
        delta,
        torch.zeros(1, 5),
        torch.tensor([[0.001, 0.002, 0.003, 0.004, 0.005]]),
        torch.tensor([[0.95, 0.6, 0.3, 0.7, 0.5]]),
        torch.ones(1, 5, dtype=torch.bool),
    )
    words = found.words(0)
    assert [word.text for word in words] == ["very tonal", "bright"]  # "noisy" contradicts, the rest repeats
    assert [word.descriptor for word in words] == ["harmonicity", "rolloff_85"]
    assert words[1].delta == pytest.approx(0.85)
    assert words[1].q == pytest.approx(0.005)


def test_real_sounds_end_in_a_sentence() -> None:
    """Two units on made sounds: one likes high tones that decay, the other takes anything."""
    random = torch.Generator().manual_seed(7)
    pitch = 150 * 8 ** torch.rand(120, generator=random)
    sounds = [tone(float(f), 0.4) * torch.exp(-torch.arange(3200) / 800) + noise(0.4, 0.001) for f in pitch[:60]]
    sounds += [tone(float(f), 0.4) + noise(0.4, 0.02) for f in pitch[60:]]
    values = describe(*batch(*sounds), 8000)
    liked = (torch.arange(120) < 60) * pitch.log2()
    activation = torch.stack([liked, torch.rand(120, generator=random)], dim=1)
    found = unit_words(values, activation.topk(24, dim=0).indices.T, torch.arange(120) % 2 == 0, match="none")
    texts = [word.text.removeprefix("very ") for word in found.words(0)]
    assert {"high-pitched", "decaying", "tonal"} <= set(texts)
    assert compose(texts[:3], ["bells"]).endswith("; bells")
    assert found.words(1) == ()


def test_sentences() -> None:
    assert compose(["high-pitched", "tonal", "decaying"], ["bells"]) == "high-pitched, tonal, decaying; bells"
    assert compose(["loud"]) == "loud"
    assert compose([], ["dog", "rain"]) == "dog, rain"
    assert compose([]) == "no label"


def test_levels() -> None:
    found = [level_word(place) for place in (0.02, 0.1, 0.2, 0.5, 0.7, 0.89, 0.9, 1.0)]
    assert found == ["very low", "very low", "low", "medium", "high", "high", "very high", "very high"]


def test_bad_input_is_named(probe: dict[str, torch.Tensor], in_a: torch.Tensor) -> None:
    top = torch.zeros(1, 4, dtype=torch.int64)
    with pytest.raises(InputError, match=r"\['loudness'\]"):
        unit_words({"loudness": probe["level"]}, top, in_a)
    with pytest.raises(InputError, match="no descriptors"):
        unit_words({}, top, in_a)
    with pytest.raises(InputError, match="each of the 400 clips"):
        unit_words({"level": probe["level"][:9]}, top, in_a)
    with pytest.raises(InputError, match="below 400"):
        unit_words({"level": probe["level"]}, top + 400, in_a)
