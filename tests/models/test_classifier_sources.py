"""A classifier to explain comes from a run, an exported program, a file of weights or an object, and is frozen."""

import pytest
import torch
from torch import nn

from configs.errors import InputError
from models.classifier_sources import load_frozen, make, rebuild
from models.frozen_classifier import probes
from models.run_loading import load_run


class Foreign(nn.Module):
    """Waveforms (B, N) -> logits (B, 3), at 8 kHz."""

    sample_rate = 8000

    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv1d(1, 4, 32, stride=16), nn.BatchNorm1d(4), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv1d(4, 8, 5, stride=2), nn.Dropout(0.5), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, waveform):
        return self.head(self.layer2(self.layer1(waveform.unsqueeze(1))).mean(dim=-1))


class NeedsWidth(nn.Module):
    def __init__(self, width):
        super().__init__()


FOREIGN = f"{__name__}:Foreign"
CLIPS = probes(4000, 2)


def foreign():
    torch.manual_seed(0)
    return Foreign().eval()


def source(kind, tmp_path):
    """What load_frozen is given for the same network in one of three forms."""
    network = foreign()
    if kind == "object":
        return network, {}
    if kind == "weights":
        torch.save({"state_dict": network.state_dict()}, tmp_path / "weights.pt")
        return tmp_path / "weights.pt", {"class_path": FOREIGN}
    any_size = (torch.export.Dim.AUTO, torch.export.Dim.AUTO)
    torch.export.save(torch.export.export(network, (CLIPS,), dynamic_shapes=(any_size,)), tmp_path / "net.pt2")
    return tmp_path / "net.pt2", {"sample_rate": 8000}


@pytest.mark.parametrize("kind", ["object", "weights", "export"])
def test_a_foreign_classifier_answers_as_it_did_and_can_be_rebuilt(tmp_path, kind):
    given, how = source(kind, tmp_path)
    frozen = load_frozen(given, **how)
    expected = foreign()(CLIPS)
    torch.testing.assert_close(frozen(CLIPS), expected)
    assert frozen.sample_rate == 8000
    assert frozen.own is None
    assert "layer2" in dict(frozen.module.named_modules())
    torch.save({"origin": frozen.origin, "weights": frozen.state_dict()}, tmp_path / "kept.pt")
    kept = torch.load(tmp_path / "kept.pt", weights_only=True)
    again = rebuild(kept["origin"], "again")
    again.load_state_dict(kept["weights"])
    torch.testing.assert_close(again(CLIPS), expected)


def test_a_run_of_ours_answers_as_it_did_and_can_be_rebuilt(untrained_run):
    folder = untrained_run(**{"model.name": "black_box"})
    clips, length = probes(22050, 2), torch.tensor([22050, 9000])
    for source in (folder, folder / "checkpoints" / "best.ckpt", load_run(folder).model):
        frozen = load_frozen(source)
        assert torch.equal(frozen(clips, length), load_run(folder).model(clips, length))
        again = rebuild(frozen.origin, "again")
        again.load_state_dict(frozen.state_dict())
        assert torch.equal(again(clips), frozen(clips))
    assert frozen.sample_rate == 22050


def test_frozen_means_eval_and_no_gradients():
    frozen = load_frozen(Foreign())
    nn.Sequential(frozen).train()
    assert not any(part.training for part in frozen.modules())
    assert not any(weights.requires_grad for weights in frozen.parameters())
    assert torch.equal(frozen(CLIPS), frozen(CLIPS))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", r"must read package\.module:Class"),
        ("no_such_package.net:Net", "cannot be made without arguments: No module named 'no_such_package'"),
        (f"{__name__}:Missing", "has no attribute 'Missing'"),
        (f"{__name__}:NeedsWidth", "missing 1 required positional argument: 'width'; a function that returns"),
        ("collections:OrderedDict", r"makes a OrderedDict, not a torch\.nn\.Module"),
    ],
)
def test_a_class_that_cannot_be_made_is_refused(path, message):
    with pytest.raises(InputError, match=message) as caught:
        make(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_classifier_are_refused(tmp_path):
    (tmp_path / "junk.pt2").write_bytes(b"junk")
    (tmp_path / "junk.ckpt").write_bytes(b"junk")
    torch.save({"head.weight": torch.zeros(3, 8)}, tmp_path / "few.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    for name, how, message in (
        ("absent", {}, "no such run or file to explain; python train.py experiment=esc10_black_box trains a run"),
        ("junk.pt2", {}, r"not a file of torch\.export"),
        ("junk.ckpt", {}, r"cannot be read as a checkpoint.*a file of weights needs model\.classifier_class="),
        ("junk.ckpt", {"class_path": FOREIGN}, "cannot be read as a file of weights"),
        ("few.pt", {"class_path": FOREIGN}, r"does not fit .*Missing key"),
        ("list.pt", {"class_path": FOREIGN}, r"not a file of weights \(name -> tensor\)"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            load_frozen(tmp_path / name, **how)
        assert "\n" not in str(caught.value)
