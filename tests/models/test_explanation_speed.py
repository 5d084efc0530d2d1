"""How soon parts of a clip are heard once a model is loaded; figures with `pytest -m slow -s` on this file."""

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from configs.compose import compose
from models.by_design import ByDesignClassifier
from models.explanation import explain

CLASSES = tuple(f"class {number}" for number in range(12))
ROUNDS = 15


@pytest.fixture
def model() -> ByDesignClassifier:
    """The default model for sound scenes; what it weighs is of no matter to the time it takes."""
    torch.manual_seed(0)
    config = compose(["experiment=sound_scenes_by_design"])
    made = ByDesignClassifier(config, CLASSES, multi_label=False).eval()
    atoms = torch.rand(made.front_end.n_bins, config.model.n_components)
    made.bottleneck.set_dictionary(atoms / atoms.norm(dim=0), torch.ones(config.model.n_components))
    return made


def clips(count: int) -> Tensor:
    return torch.rand(count, 5 * 22050, generator=torch.Generator().manual_seed(0)) - 0.5


def least(work: Callable[[], object]) -> float:
    """Shortest time in seconds of several rounds, after one to warm up."""
    work()
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def parts_of(model: ByDesignClassifier, waveform: Tensor, count: int | None) -> None:
    """Class, rest and the strongest `count` components (None: all) of each clip."""
    said = explain(model, waveform)
    label = int(said.logits[0].argmax())
    said.class_sound(label)
    said.rest_sound(label)
    said.component_sound(None if count is None else said.strongest(label, count))
    if waveform.is_cuda:
        torch.cuda.synchronize()


@pytest.mark.slow
def test_a_clip_of_five_seconds_is_explained_within_a_tenth_of_a_second(
    model: ByDesignClassifier, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = clips(1)
    few, every = least(lambda: parts_of(model, clip, 3)), least(lambda: parts_of(model, clip, None))
    fitted = least(lambda: explain(model, clip, scale="fitted").class_sound(0))
    with capsys.disabled():
        print(f"\nclass, rest and three components {1e3 * few:.0f} ms; all components {1e3 * every:.0f} ms; ", end="")
        print(f"a class fitted to the clip {1e3 * fitted:.0f} ms ({torch.get_num_threads()} threads)")
    assert few < 0.1
    assert every < 1


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_sixteen_clips_on_a_gpu_are_eight_times_as_fast_as_one_by_one(
    model: ByDesignClassifier, capsys: pytest.CaptureFixture[str]
) -> None:
    model.cuda()
    batch = clips(16).cuda()
    together = least(lambda: parts_of(model, batch, 3))
    alone = least(lambda: [parts_of(model, clip[None], 3) for clip in batch])
    with capsys.disabled():
        print(f"\n16 clips: {1e3 * together:.1f} ms together, {1e3 * alone:.1f} ms one by one")
    assert alone > 8 * together
