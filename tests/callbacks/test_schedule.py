"""Points of a schedule, counted by hand."""

from callbacks.schedule import Schedule


def points(schedule, epochs=21):
    return [epoch for epoch in range(1, epochs + 1) if schedule.due(epoch)]


def test_early_points_then_every_few_epochs():
    assert points(Schedule(5)) == [1, 2, 4, 5, 10, 15, 20]
    assert points(Schedule(10)) == [1, 2, 4, 8, 10, 20]
    assert points(Schedule(5, early=False)) == [5, 10, 15, 20]
    assert points(Schedule(1)) == list(range(1, 22))
    assert points(Schedule(0)) == []


def test_the_work_allowed_is_never_exceeded():
    schedule, done, spent = Schedule(1, work_per_point=4, work_limit=10), 0, []
    for epoch in range(1, 6):
        if schedule.due(epoch, done):
            done += schedule.work_per_point
            spent.append(epoch)
    assert (spent, done) == ([1, 2], 8)
