"""What the parts cost in training: a step of the by-design model against one of its twin, interleaved, two threads.

A step is what it is in an epoch: analysis, answer, loss, gradients, optimizer, and its share of validation clips.
"""

import statistics
import time
from collections.abc import Callable

import pytest
import torch

from configs.compose import compose
from datamodules.batch import Batch
from models.black_box import BlackBoxClassifier
from models.by_design import ByDesignClassifier

CLIPS, SECONDS, ROUNDS = 32, 5, 60
VALIDATION = 8
"""Validation clips for each training step: a fifth of the clips."""


def steps(kind: type[ByDesignClassifier | BlackBoxClassifier]) -> Callable[[], None]:
    config = compose([f"experiment=sound_scenes_{kind.__module__.rpartition('.')[2]}"])
    model = kind(config, tuple("abcdefghij"), False)
    if isinstance(model, ByDesignClassifier):
        model.bottleneck.set_dictionary(torch.rand_like(model.bottleneck.dictionary), torch.rand(64) + 0.5)
    optimizer = torch.optim.AdamW(model.parameters())
    samples = SECONDS * config.front_end.sample_rate
    waveform, target = 0.1 * torch.randn(CLIPS, samples), torch.arange(CLIPS) % 10

    def answer(count: int) -> torch.Tensor:
        batch = Batch(waveform[:count], torch.full((count,), samples), target[:count], torch.arange(count))
        analysis = model.analyse(batch.waveform, batch.length)
        return torch.stack(list(model.loss_terms(model.respond(analysis), analysis, batch).values())).sum()

    def step() -> None:
        model.train()
        loss = answer(CLIPS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            answer(VALIDATION)

    return step


@pytest.mark.slow
def test_an_epoch_by_design_takes_little_longer_than_its_twins(two_threads):
    contenders = [steps(ByDesignClassifier), steps(BlackBoxClassifier)]
    seconds: list[list[float]] = [[], []]
    for number in range(ROUNDS):
        for place, step in enumerate(contenders):
            start = time.perf_counter()
            step()
            if number >= 4:
                seconds[place].append(time.perf_counter() - start)
    ratios = sorted(a / b for a, b in zip(*seconds, strict=True))
    ratio, n = statistics.median(ratios), len(ratios)
    milliseconds = [1e3 * statistics.median(values) for values in seconds]
    print(
        f"by design {milliseconds[0]:.0f} ms, twin {milliseconds[1]:.0f} ms a step of {CLIPS} clips of {SECONDS} s; "
        f"ratio {ratio:.2f} (middle half {ratios[n // 4]:.2f} to {ratios[3 * n // 4]:.2f}, n = {n})"
    )
    assert ratio <= 1.35  # an epoch also loads clips and writes a checkpoint, which cost both alike: 1.3 there
