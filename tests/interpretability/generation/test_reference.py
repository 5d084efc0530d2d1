import pytest
import torch

from configs.errors import InputError
from interpretability.generation.reference import choose_excerpts


def test_spaced_and_few_of_each_recording_by_hand():
    activation = torch.tensor([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0])
    recordings = ["a", "a", "a", "a", "b", "a", "b", "c"]
    seconds = torch.tensor([0.0, 0.5, 1.0, 2.0, 0.0, 3.0, 0.9, 0.0])
    found = choose_excerpts(activation, recordings, seconds, 1.0, share=1.0, per_recording=3, least=4)
    # 1 overlaps 0; 5 would be the fourth of "a"; 6 overlaps 4.
    assert found.places.tolist() == [0, 2, 3, 4, 7]
    assert found.activation.tolist() == [9, 7, 6, 5, 2]
    assert (found.n, found.n_recordings) == (5, 3)
    assert found.described == "n = 5 excerpts of 3 recordings"
    assert choose_excerpts(activation, recordings, seconds, 1.0, share=0.5, least=3).places.tolist() == [0, 2, 3]
    assert choose_excerpts(activation, recordings, seconds, 1.0, share=1.0, most=2, least=2).places.tolist() == [0, 2]
    lowest = choose_excerpts(activation, recordings, seconds, 1.0, share=1.0, least=4, lowest=True)
    assert lowest.places.tolist() == [7, 6, 5, 3, 2]
    assert lowest.settings().stop < lowest.settings().band[1] < 7


def test_band_and_stop_are_quantiles():
    found = choose_excerpts(torch.arange(1001.0), list(range(1001)), torch.zeros(1001), 1.0, share=1.0, most=2000)
    assert found.band == pytest.approx((50, 999))
    assert found.stop == pytest.approx(990)
    settings = found.settings(seeds=7)
    assert (settings.seeds, settings.stop) == (7, found.stop)
    lowest = choose_excerpts(
        torch.arange(1001.0), list(range(1001)), torch.zeros(1001), 1.0, share=1.0, most=2000, lowest=True
    )
    assert lowest.band == pytest.approx((1, 950))
    assert lowest.stop == pytest.approx(10)


def test_too_few_are_counted_and_constant_ones_refused():
    activation, seconds = torch.arange(30.0), torch.zeros(30)
    with pytest.raises(InputError, match=r"3 reference excerpts of 3 recordings, and 20 are needed: 3 of 30"):
        choose_excerpts(activation, list(range(30)), seconds, 1.0, share=0.1)
    with pytest.raises(InputError, match=r"2 reference excerpts of 2 recordings, and 20 are needed"):
        choose_excerpts(activation, [i % 2 for i in range(30)], seconds, 1.0, share=1.0)
    with pytest.raises(InputError, match="all 30 excerpts give the activation 3"):
        choose_excerpts(torch.full((30,), 3.0), list(range(30)), seconds, 1.0)
    with pytest.raises(InputError, match="one of each per excerpt"):
        choose_excerpts(activation, [1], seconds, 1.0)
    with pytest.raises(InputError, match="not finite"):
        choose_excerpts(activation.log(), list(range(30)), seconds, 1.0)
    with pytest.raises(InputError, match="share=2"):
        choose_excerpts(activation, list(range(30)), seconds, 1.0, share=2)
