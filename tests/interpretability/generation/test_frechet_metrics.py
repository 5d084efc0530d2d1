import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torchmetrics.image.fid import FrechetInceptionDistance

from configs.errors import InputError
from interpretability.generation.density_coverage import density_coverage
from interpretability.generation.frechet import frechet_distance
from interpretability.generation.frechet_metrics import DensityAndCoverage, FrechetDistance, KernelDistance
from interpretability.generation.kernel_distance import kernel_distance

REAL = torch.randn(50, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
MADE = torch.randn(30, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.5


class Identity(torch.nn.Module):
    num_features = 6

    def forward(self, x):
        return x


def fed(metric, real=REAL, made=MADE, batch=7):
    for side, is_real in ((real, True), (made, False)):
        for part in torch.split(side, batch):
            metric.update(part, real=is_real)
    return metric


def test_streaming_equals_the_function_and_torchmetrics():
    ours = fed(FrechetDistance(6)).compute()
    theirs = fed(FrechetInceptionDistance(feature=Identity()).set_dtype(torch.float64)).compute()
    assert ours.item() == pytest.approx(frechet_distance(REAL, MADE).item(), rel=1e-9)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_the_reference_can_be_kept():
    metric = fed(FrechetDistance(6, keep_reference=True))
    first = metric.compute()
    metric.reset()
    with pytest.raises(InputError, match="there are 0"):
        metric.compute()
    metric.update(MADE, real=False)
    torch.testing.assert_close(metric.compute(), first)
    forgetful = fed(FrechetDistance(6))
    forgetful.reset()
    assert forgetful.reference_count == 0


def test_sets():
    assert fed(KernelDistance()).compute() == kernel_distance(REAL, MADE)
    assert fed(DensityAndCoverage()).compute()["coverage"] == density_coverage(REAL, MADE).coverage
    with pytest.raises(InputError, match="no excerpt of the reference side"):
        KernelDistance().compute()


@pytest.mark.parametrize("new", [lambda: FrechetDistance(6), KernelDistance, DensityAndCoverage])
def test_several_are_merged_one_after_another(new):
    """torchmetrics stacks states, which goes once, and returns after a merge what it computed before."""
    parts = [fed(new(), real, made) for real, made in zip(REAL.split(20), MADE.split(10), strict=True)]
    whole = fed(new()).compute()
    total = parts[0]
    for part in parts[1:]:
        before = total.compute()
        total.merge_state(part)
        assert str(total.compute()) != str(before)
    torch.testing.assert_close(total.compute(), whole, rtol=1e-9, atol=1e-12)
    assert total.metric_state.keys() == parts[1].metric_state.keys()
    states = new()
    states.merge_state(total.metric_state)
    torch.testing.assert_close(states.compute(), whole, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match=r"missing|to be present"):
        total.merge_state({})


def _on_one_of_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)  # a forked process has none of its parent's threads to wait for
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    cut = (slice(0, 33), slice(0, 4)) if rank == 0 else (slice(33, None), slice(4, None))  # uneven on purpose
    found = [fed(metric, REAL[cut[0]], MADE[cut[1]]).compute() for metric in (FrechetDistance(6), KernelDistance())]
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_are_one(tmp_path):
    mp.start_processes(_on_one_of_two, (str(tmp_path),), nprocs=2, start_method="fork")
    for rank in range(2):
        frechet, kernel = torch.load(tmp_path / f"{rank}.pt")
        assert frechet.item() == pytest.approx(frechet_distance(REAL, MADE).item(), rel=1e-9)
        assert kernel.item() == pytest.approx(kernel_distance(REAL, MADE).item(), rel=1e-9)
