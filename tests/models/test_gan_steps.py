"""Steps are the generator's: the papers' pairs of steps and epochs come out."""

import pytest

from models.gan_steps import StepCount, passes_over_data

PUBLISHED = [  # clips, steps, epochs (Begus 2021, Begus & Zhou 2022)
    (5463, 12255, 717.8),
    (559992, 34577, 19.8),
    (996, 15920, 5114.9),
    (3205, 8011, 799.9),
    (3205, 19244, 1921.4),
    (6441, 27103, 1346.5),
    (5165, 20026, 1240.7),
    (54378, 179528, 1056.5),
    (4052, 121116, 9565.0),
    (757120, 61707, 26.1),
]


@pytest.mark.parametrize(("clips", "steps", "epochs"), PUBLISHED)
def test_published_epochs(clips, steps, epochs):
    assert passes_over_data(steps, clips) == pytest.approx(epochs, abs=0.06 if epochs < 9000 else 0.6)


def test_every_fifth_critic_step_is_followed_by_one_of_the_generator():
    count = StepCount(5)
    due = [count.count_critic() for _ in range(12)]
    assert [number for number, now in enumerate(due, 1) if now] == [5, 10]


def test_an_interrupted_count_goes_on():
    count, other = StepCount(5), StepCount(5)
    for _ in range(3):
        count.count_critic()
    other.load_state_dict(count.state_dict())
    assert [other.count_critic() for _ in range(2)] == [False, True]
