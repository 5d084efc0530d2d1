"""Files as others publish them, written here with fewer channels: taken exactly, or refused by the first fault."""

import hashlib

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from configs.compose import compose
from configs.errors import CommandError, InputError
from configs.schema import BlackBoxConfig, ByDesignConfig, Cnn14Config, VGGConfig
from models.black_box import BlackBoxClassifier
from models.by_design import ByDesignClassifier
from models.cnn14 import Cnn14
from models.published_weights import read_published
from models.vgg import VGG

WIDTH, DIVISOR = 2, 4


class PannsBlock(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out)
        self.conv2, self.bn2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out)

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class Panns(nn.Module):
    """The published network as its paper describes it: decibels (B, 1, T, M) -> embedding; written anew."""

    def __init__(self):
        super().__init__()
        self.bn0 = nn.BatchNorm2d(64)
        sizes = [1, *(WIDTH * 2**n for n in range(6))]
        for n in range(6):
            self.add_module(f"conv_block{n + 1}", PannsBlock(sizes[n], sizes[n + 1]))
        self.fc1, self.fc_audioset = nn.Linear(sizes[-1], sizes[-1]), nn.Linear(sizes[-1], 527)

    def forward(self, decibels):
        x = self.bn0(decibels.transpose(1, 3)).transpose(1, 3)
        for n in range(6):
            x = getattr(self, f"conv_block{n + 1}")(x)
            x = F.avg_pool2d(x, 2) if n < 5 else x
        x = x.mean(dim=3)
        return F.relu(self.fc1(x.amax(dim=2) + x.mean(dim=2)))


class Kumar(nn.Module):
    """weak_mxh64_1024 with fewer channels: decibels (B, 1, T, M) -> maps of its layers."""

    def __init__(self):
        super().__init__()
        n = [count // DIVISOR for count in (16, 16, 32, 32, 64, 64, 128, 128, 256, 256, 512)]
        for layer, n_in, n_out in zip((1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16), (1, *n), n, strict=False):
            self.add_module(
                f"layer{layer}", nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU())
            )
        top = 1024 // DIVISOR
        self.layer18 = nn.Sequential(nn.Conv2d(n[-1], top, 2), nn.BatchNorm2d(top), nn.ReLU())
        self.layer19 = nn.Sequential(nn.Conv2d(top, 527, 1), nn.Sigmoid())

    def forward(self, x):
        out = []
        for layer in (1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16):
            x = getattr(self, f"layer{layer}")(x)
            if layer in (2, 5, 8, 11, 14, 16):
                out.append(x)
                x = F.max_pool2d(x, 2)
        return [*out, self.layer18(x)]


def shaken(module):
    """Give every weight and statistic a value of its own."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5 if "var" in name else 0.3 * torch.randn_like(tensor))
    return module.eval()


def panns_file(path, change=None):
    weights = shaken(Panns()).state_dict()
    weights["spectrogram_extractor.stft.conv_real.weight"] = torch.zeros(513, 1, 1024)
    weights["logmel_extractor.melW"] = torch.zeros(513, 64)
    if change:
        change(weights)
    torch.save({"iteration": 600000, "model": weights}, path)
    return path


def test_cnn14_answers_as_the_published_network(tmp_path, capsys):
    path = panns_file(tmp_path / "small.pth")
    net = Cnn14(Cnn14Config(weights=str(path)), 64, WIDTH).eval()
    net.load_published()
    features = torch.randn(2, 1, 64, 101)
    output = net(features)
    expected = shaken(Panns())(10 * features.transpose(2, 3))
    torch.testing.assert_close(output.embedding, expected, rtol=1e-4, atol=1e-5)
    assert [tuple(m.shape[1:]) for m in output.maps.values()] == [
        (2, 64, 101), (4, 32, 50), (8, 16, 25), (16, 8, 12), (32, 4, 6), (64, 2, 3),
    ]  # fmt: skip
    said = capsys.readouterr().err
    assert hashlib.sha256(path.read_bytes()).hexdigest() in said
    assert "left out: fc_audioset, logmel_extractor, spectrogram_extractor" in said


def test_padding_does_not_reach_the_embedding_of_cnn14():
    net = shaken(Cnn14(Cnn14Config(), 64, WIDTH))
    clip = torch.randn(1, 1, 64, 96)
    padded = F.pad(clip, (0, 96), value=-5.0)
    alone = net(clip).embedding
    torch.testing.assert_close(net(padded, torch.tensor([96])).embedding, alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(net(padded).embedding, alone, rtol=1e-2)


@pytest.mark.parametrize("nested", [False, True])
def test_vgg_answers_as_the_published_network(tmp_path, nested, capsys):
    theirs = shaken(Kumar())
    weights = {f"module.{name}": tensor for name, tensor in theirs.state_dict().items() if "num_batches" not in name}
    adapt = nn.Conv2d(1024 // DIVISOR, 256 // DIVISOR, 1)
    if nested:  # a classifier of Parekh et al.
        weights = {name.replace("module.", "netx."): tensor for name, tensor in weights.items()}
        weights |= {f"layer.0.{name}": tensor for name, tensor in adapt.state_dict().items()}
        weights |= {"fc.weight": torch.zeros(50, 64), "fc.bias": torch.zeros(50)}
    torch.save(weights, tmp_path / "small.pt")
    net = VGG(VGGConfig(weights=str(tmp_path / "small.pt")), 128, DIVISOR).eval()
    before = net.adapt[0].weight.clone()
    net.load_published()
    features = torch.randn(2, 1, 128, 150)
    maps = net(features).maps
    expected = theirs(10 * features.transpose(2, 3))
    for level in range(6):
        torch.testing.assert_close(maps[f"blocks.{level}"], expected[level].transpose(2, 3), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        net.top(F.max_pool2d(maps["blocks.5"], 2)), expected[6].transpose(2, 3), rtol=1e-3, atol=1e-4
    )
    assert torch.equal(net.adapt[0].weight, adapt.weight if nested else before)
    assert ("fc, netx" if nested else "left out: layer19") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("conv_block3.bn2.bias"), r"conv_block3.bn2.bias is missing \(1 missing, 0 foreign, 0 of"),
        (lambda w: w.update(other=torch.zeros(1)), "other is not of this network"),
        (lambda w: w.update({"fc1.bias": torch.zeros(3)}), r"fc1.bias has shape \(3,\), expected \(64,\)"),
        (lambda w: w.clear(), "holds no weights by name|is missing"),
    ],
)
def test_the_first_fault_of_a_file_is_named(tmp_path, change, message):
    net = Cnn14(Cnn14Config(weights=str(panns_file(tmp_path / "x.pth", change))), 64, WIDTH)
    with pytest.raises(InputError, match=message) as caught:
        net.load_published()
    assert "\n" not in str(caught.value)


def test_files_that_are_no_weights_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_published(tmp_path / "none")
    good = panns_file(tmp_path / "x.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(good[: len(good) // 2])
    with pytest.raises(InputError, match="damaged"):
        read_published(tmp_path / "cut.pth")
    torch.save(nn.Linear(2, 2), tmp_path / "object.pth")
    with pytest.raises(InputError, match="not plain data"):
        read_published(tmp_path / "object.pth")
    torch.save({"model": {"a": 3}}, tmp_path / "numbers.pth")
    with pytest.raises(InputError, match="no weights by name"):
        read_published(tmp_path / "numbers.pth")


def test_another_front_end_is_refused_by_name():
    words = ["experiment=esc50_cnn14_black_box", "data.root=x", "backbone.weights=FILE"]
    compose(words)
    with pytest.raises(CommandError, match=r"front_end.hop_length=512 \(published: 320\)"):
        compose([*words, "front_end.hop_length=512"])
    with pytest.raises(CommandError, match=r"front_end.normalize=peak \(published: none\)"):
        compose([*words, "front_end.normalize=peak"])
    with pytest.raises(CommandError, match=r"front_end\.sample_rate=22050"):
        compose(["experiment=esc50_paper", "data.root=x", "backbone.weights=FILE", "front_end.sample_rate=22050"])
    with pytest.raises(CommandError, match=r"frozen=true needs backbone\.weights"):
        compose([*words[:2], "backbone.frozen=true"])


def cnn14_run(path, model):
    words = ["experiment=esc50_cnn14_" + model, "data.root=x", f"backbone.weights={path}", "backbone.frozen=true"]
    return compose(words)


@pytest.mark.parametrize("model", ["black_box", "by_design"])
def test_a_frozen_trunk_takes_its_weights_once_and_keeps_them(tmp_path, model, monkeypatch):
    monkeypatch.setattr("models.cnn14.Cnn14.__init__.__defaults__", (WIDTH,))
    config = cnn14_run(panns_file(tmp_path / "x.pth"), model)
    assert isinstance(config.model, BlackBoxConfig | ByDesignConfig)
    kind = BlackBoxClassifier if model == "black_box" else ByDesignClassifier
    net = kind(config, ("a", "b"), False)
    monkeypatch.setattr("models.component_classifier.ComponentClassifier.find_dictionary", lambda *_: FakeDictionary())
    net.prepare(None)
    (tmp_path / "x.pth").unlink()  # a trained run is loaded without the published file
    kind(config, ("a", "b"), False).load_state_dict(net.state_dict())
    net.train()
    assert not any(part.training for part in net.backbone.modules())
    assert not any(p.requires_grad for p in net.backbone.parameters())
    before = {name: tensor.clone() for name, tensor in net.backbone.state_dict().items()}
    net(torch.rand(2, 32000) - 0.5).sum().backward()
    assert all(torch.equal(before[name], tensor) for name, tensor in net.backbone.state_dict().items())
    torch.testing.assert_close(before["fc1.bias"], shaken(Panns()).fc1.bias.detach())


class FakeDictionary:
    atoms, scale = torch.full((513, 64), 513**-0.5), torch.ones(64)
    relative_error = effective_components = 1.0


@pytest.mark.slow
def test_cnn14_has_the_published_number_of_parameters():
    net = Cnn14(Cnn14Config(), 64)
    head = 2048 * 527 + 527
    assert sum(p.numel() for p in net.parameters()) + head == 80_753_615  # Kong et al. 2020, table XII
    output = net.eval()(torch.randn(1, 1, 64, 64))
    assert output.embedding.shape == (1, 2048)
    assert output.maps["conv_block6"].shape == (1, 2048, 2, 2)
