"""Codes stand first among the latents, are read back, and cost what the cross-entropies say."""

import math

import pytest
import torch

from configs.errors import InputError
from models.gan_codes import BinaryCodes, OneHotCodes, bits_for, categories_of_bits, latents_of


def test_one_hot_codes_by_hand():
    codes = OneHotCodes(3)
    assert codes.of(torch.tensor([2, 0])).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert codes.loss(torch.zeros(2, 3), codes.of(torch.tensor([2, 0]))).item() == pytest.approx(math.log(3))
    assert codes.read(torch.tensor([[0.1, 3, 1]])).tolist() == [1]


def test_binary_codes_by_hand():
    codes = BinaryCodes(3)
    assert codes.n_categories == 8
    assert codes.of(torch.tensor([6, 1])).tolist() == [[0, 1, 1], [1, 0, 0]]
    assert codes.loss(torch.zeros(1, 3), codes.of(torch.tensor([5]))).item() == pytest.approx(math.log(2))
    assert codes.read(torch.tensor([[-1.0, 2.0, 0.5]])).tolist() == [6]


@pytest.mark.parametrize("codes", [OneHotCodes(5), BinaryCodes(4)])
def test_every_category_is_read_back(codes):
    every = torch.arange(codes.n_categories)
    assert torch.equal(codes.read(10 * codes.of(every) - 5), every)
    drawn = codes.draw(4000, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn, minlength=codes.n_categories)
    expected = 4000 / codes.n_categories
    assert ((counts - expected).abs() < 5 * expected**0.5).all()


def test_bits_that_tell_classes_apart():
    assert [bits_for(n) for n in (2, 3, 4, 5, 8, 9, 10, 16, 17)] == [1, 2, 2, 3, 3, 4, 4, 4, 5]
    assert categories_of_bits(torch.tensor([[True, False, True]])).tolist() == [5]


def test_latents_have_codes_first_and_the_rest_uniform():
    latents, categories = latents_of(2000, 100, OneHotCodes(10), generator=torch.Generator().manual_seed(0))
    assert latents.shape == (2000, 100)
    assert torch.equal(latents[:, :10], OneHotCodes(10).of(categories))
    rest = latents[:, 10:]
    assert rest.min() >= -1
    assert rest.max() < 1
    assert rest.std().item() == pytest.approx(1 / 3**0.5, rel=0.01)
    plain, none = latents_of(5, 100)
    assert none is None
    assert plain.shape == (5, 100)


def test_the_same_stream_gives_the_same_rest_at_any_level():
    one, two = (latents_of(3, 9, BinaryCodes(2), torch.tensor([0, 1, 3]), level, torch.Generator().manual_seed(1))[0]
                for level in (1.0, 2.0))  # fmt: skip
    assert torch.equal(one[:, 2:], two[:, 2:])
    assert torch.equal(2 * one[:, :2], two[:, :2])


def test_wrong_categories_are_refused():
    with pytest.raises(InputError, match="categories must be 2 whole numbers from 0 to 3"):
        latents_of(2, 10, OneHotCodes(4), torch.tensor([0, 4]))
    with pytest.raises(InputError, match="categories must be 3"):
        latents_of(3, 10, OneHotCodes(4), torch.tensor([0, 1]))
    with pytest.raises(InputError, match="has no codes"):
        latents_of(2, 10, None, torch.tensor([0, 1]))
    with pytest.raises(InputError, match=r"model\.bits=21"):
        BinaryCodes(21)
