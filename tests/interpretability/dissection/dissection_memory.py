"""Dissects 50,000 units against 50 concepts and prints the memory it takes above the model's own; run by a test.

Usage: python dissection_memory.py CLIPS
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from interpretability.dissection.concepts import one_hot
from interpretability.dissection.dissect import dissect
from interpretability.dissection.probe_set import ProbeBatch

UNITS, CONCEPTS, SAMPLES, BATCH = 50_000, 50, 64, 32


class Clips:
    """Noise that is made as it is read, so that the clips take no memory; each class has a direction of its own."""

    sample_rate = 64

    def __init__(self, count: int) -> None:
        self.names = tuple(map(str, range(count)))
        self.directions = torch.randn(CONCEPTS, SAMPLES, generator=torch.Generator().manual_seed(0))

    def batches(self) -> Iterator[ProbeBatch]:
        for index in torch.arange(len(self.names)).split(BATCH):
            generator = torch.Generator().manual_seed(int(index[0]))
            noise = torch.randn(len(index), SAMPLES, generator=generator)
            yield ProbeBatch(noise + self.directions[index % CONCEPTS], torch.full((len(index),), SAMPLES), index)


class Wide(nn.Module):
    """50,000 signed units."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(SAMPLES, UNITS)

    def forward(self, waveform: Tensor) -> Tensor:
        return self.layer(waveform)


def resident(which: str) -> int:
    """Megabytes: VmRSS now, or VmHWM at the most since it was last reset."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(which))
    return int(line.split()[1]) // 1024


def main(count: int) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model, clips = Wide(), Clips(count)
    concepts = one_hot(torch.arange(count) % CONCEPTS, [f"class {c}" for c in range(CONCEPTS)])
    with torch.no_grad():
        for batch, _ in zip(clips.batches(), range(3), strict=False):
            model(batch.waveform)
    baseline = resident("VmHWM")
    began = time.perf_counter()
    found = dissect(model, ["layer"], clips, concepts)
    seconds = time.perf_counter() - began
    peak = resident("VmHWM")
    named = found.layers["layer"].summary["named_share"]
    print(
        json.dumps({"clips": count, "above": peak - baseline, "baseline": baseline, "seconds": seconds, "named": named})
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
