"""Lines that say how well scores agree with an independent network."""

from types import SimpleNamespace

from callbacks.generation_agreement import agreement_lines, median_setting


def unit(key, level, recognised=lambda i: 0.9 - 0.1 * i):
    scores = [
        SimpleNamespace(kernel=0.1 * i + level, recognised=recognised(i), transfer=-i - level, n=4) for i in range(5)
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
    assert "no search) and recognition, over all classes: rank correlation 1.00" in over_all or "0.99" in over_all
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
    assert "cannot be compared" in agreement_lines(never)[1]


def test_the_median_setting_is_that_of_the_median_distance():
    assert median_setting(UNITS[0]) is UNITS[0].scores[2]
