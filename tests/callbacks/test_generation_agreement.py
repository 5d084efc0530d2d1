"""Lines that say how well scores agree with an independent network."""

import math
from types import SimpleNamespace

from callbacks.generation_agreement import agreement_lines, median_setting


def unit(key, level, recognised=lambda i: 0.9 - 0.1 * i, layer=3.0):
    scores = [
        SimpleNamespace(kernel=0.1 * i + level, layer=layer + i, recognised=recognised(i), transfer=-i - level, n=4)
        for i in range(5)
    ]
    return SimpleNamespace(
        key=key,
        unit=SimpleNamespace(is_class=True),
        scores=scores,
        choice=SimpleNamespace(score=scores[0]),
        ceiling=SimpleNamespace(kernel=1.0, recognised=0.25),
        share_of_way=lambda score: (score.kernel - level) / (1 - level),
    )


UNITS = [unit(name, level) for name, level in (("a", 0.0), ("b", 0.01), ("c", 0.02))]


def test_score_and_judge_are_compared_over_three_classes_or_more():
    within, over_all, gain = agreement_lines(UNITS)
    assert "within classes: rank correlation 1.00" in within
    assert "n = 15 settings of 3 classes" in within
    assert over_all.startswith("with recognition, over all classes: share of the way from real sounds to no search")
    assert "Fréchet distance rank correlation 1.00 (95 % 1.00 to 1.00)" in over_all
    assert gain == (
        "judge recognises 90% of the chosen settings' sounds, 70% of the median settings' and 25% without search: "
        "+20 points chosen against median (95 % +20 to +20 over 3 classes, n = 12 sounds each)"
    )
    assert agreement_lines(UNITS[:2]) == []


def test_units_that_are_no_classes_have_no_judge():
    other = unit("bottleneck:1", 0.0)
    other.unit.is_class = False
    assert agreement_lines([*UNITS, other]) == agreement_lines(UNITS)


def test_recognition_that_does_not_vary_is_said():
    never = [unit(name, 0.0, lambda i: 0.0) for name in "abc"]
    assert agreement_lines(never)[1].endswith("no score can be compared, as it does not vary")


def test_a_score_that_some_settings_lack_is_left_out():
    assert "Fréchet" not in agreement_lines([*UNITS[:2], unit("c", 0.02, layer=math.nan)])[1]


def test_the_median_setting_is_that_of_the_median_distance():
    assert median_setting(UNITS[0]) is UNITS[0].scores[2]
