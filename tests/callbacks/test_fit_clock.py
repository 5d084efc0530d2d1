import time
from typing import Any, cast

from callbacks.fit_clock import FitClock

ANY = cast(Any, None)


def test_seconds_add_up_over_interruptions() -> None:
    first = FitClock()
    first.on_train_start(ANY, ANY)
    time.sleep(0.02)
    state = first.state_dict()
    resumed = FitClock()
    resumed.load_state_dict(state)
    resumed.on_train_start(ANY, ANY)
    time.sleep(0.03)
    resumed.on_train_end(ANY, ANY)
    total = resumed.seconds
    assert 0.05 <= total < 1
    time.sleep(0.01)
    assert resumed.seconds == total


def test_a_run_without_an_epoch_left_is_timed_from_start_to_end_of_its_fit() -> None:
    clock = FitClock()
    clock.load_state_dict({"seconds": 1.0})
    clock.on_fit_start(ANY, ANY)
    time.sleep(0.02)
    clock.on_fit_end(ANY, ANY)
    total = clock.seconds
    assert 1.02 <= total < 2
    clock.on_fit_end(ANY, ANY)
    assert clock.seconds == total
