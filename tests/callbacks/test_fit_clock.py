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
