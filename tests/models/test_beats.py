"""BEATs: a published file, written here with fewer channels, is taken exactly, or refused by the first fault."""

import hashlib
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from configs.compose import compose
from configs.errors import CommandError, InputError
from configs.schema import BEATsConfig
from models.backbones import measure
from models.beats import BEATs, buckets

SMALL = {"width": 32, "layers": 3, "heads": 4, "hidden": 48, "patch_width": 24}
BANDS = 32  # two patches high


def published(path, change=None):
    """A file with the names and shapes of the published ones, and random weights."""
    torch.manual_seed(3)
    width, heads, hidden, first = (SMALL[name] for name in ("width", "heads", "hidden", "patch_width"))
    shapes = {
        "patch_embedding.weight": (first, 1, 16, 16),
        "layer_norm.weight": (first,), "layer_norm.bias": (first,),
        "post_extract_proj.weight": (width, first), "post_extract_proj.bias": (width,),
        "encoder.pos_conv.0.bias": (width,),
        "encoder.pos_conv.0.weight_g": (1, 1, 128), "encoder.pos_conv.0.weight_v": (width, width // 16, 128),
        "encoder.layer_norm.weight": (width,), "encoder.layer_norm.bias": (width,),
        "predictor.weight": (527, width), "predictor.bias": (527,),
    }  # fmt: skip
    table = torch.randn(320, heads)
    weights = {}
    for layer in range(SMALL["layers"]):
        at = f"encoder.layers.{layer}"
        for name, n_out, n_in in (("k_proj", width, width), ("v_proj", width, width), ("q_proj", width, width),
                                  ("out_proj", width, width), ("grep_linear", 8, width // heads)):  # fmt: skip
            shapes |= {f"{at}.self_attn.{name}.weight": (n_out, n_in), f"{at}.self_attn.{name}.bias": (n_out,)}
        shapes |= {f"{at}.self_attn.grep_a": (1, heads, 1, 1)}
        for norm in ("self_attn_layer_norm", "final_layer_norm"):
            shapes |= {f"{at}.{norm}.weight": (width,), f"{at}.{norm}.bias": (width,)}
        shapes |= {f"{at}.fc1.weight": (hidden, width), f"{at}.fc1.bias": (hidden,)}
        shapes |= {f"{at}.fc2.weight": (width, hidden), f"{at}.fc2.bias": (width,)}
        weights[f"{at}.self_attn.relative_attention_bias.weight"] = table
    weights |= {name: 0.3 * torch.randn(shape) for name, shape in shapes.items()}
    weights["encoder.pos_conv.0.weight_g"] = torch.rand(1, 1, 128) + 0.5
    if change:
        change(weights)
    torch.save({"cfg": {"encoder_layers": SMALL["layers"], "deep_norm": True}, "model": weights}, path)
    return path, weights


def taken(path):
    net = BEATs(BEATsConfig(weights=str(path), **SMALL), BANDS).eval()
    net.load_published()
    return net


def bucket(distance):
    """Number of a distance, written anew from Raffel et al. (2020): 320 buckets, the farthest from 800 on."""
    away, number = abs(distance), 160 if distance > 0 else 0
    if away < 80:
        return number + away
    return number + min(80 + int(math.log(away / 80) / math.log(800 / 80) * 80), 159)


def reference(weights, features):
    """The network as its paper describes it, patch by patch and head by head; written anew."""
    width, heads = SMALL["width"], SMALL["heads"]
    size = width // heads

    def linear(name, x):
        return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name, x):
        return F.layer_norm(x, (x.shape[-1],), weights[f"{name}.weight"], weights[f"{name}.bias"])

    rows, steps = features.shape[0] // 16, features.shape[1] // 16
    kernel = weights["patch_embedding.weight"][:, 0]  # (C, time, frequency)
    tokens = []
    for step in range(steps):
        for row in range(rows):
            patch = features[16 * row : 16 * row + 16, 16 * step : 16 * step + 16].T
            tokens.append((kernel * patch).sum(dim=(1, 2)))
    x = linear("post_extract_proj", norm("layer_norm", torch.stack(tokens)))
    convolution = nn.utils.parametrizations.weight_norm(nn.Conv1d(width, width, 128, padding=64, groups=16), dim=2)
    at = "encoder.pos_conv.0."
    convolution.load_state_dict({
        "bias": weights[f"{at}bias"],
        "parametrizations.weight.original0": weights[f"{at}weight_g"],
        "parametrizations.weight.original1": weights[f"{at}weight_v"],
    })  # fmt: skip
    x = norm("encoder.layer_norm", x + F.gelu(convolution(x.T[None])[0, :, : len(x)].T))
    after = []
    for layer in range(SMALL["layers"]):
        name = f"encoder.layers.{layer}"
        q, k, v = (linear(f"{name}.self_attn.{part}_proj", x) for part in "qkv")
        table = weights[f"{name}.self_attn.relative_attention_bias.weight"]
        heard = []
        for head in range(heads):
            part = slice(head * size, head * size + size)
            gates = linear(f"{name}.self_attn.grep_linear", q[:, part]).reshape(-1, 2, 4).sum(dim=-1).sigmoid()
            a = weights[f"{name}.self_attn.grep_a"][0, head, 0, 0]
            score = torch.empty(len(x), len(x))
            for query in range(len(x)):
                gate = gates[query, 0] * (gates[query, 1] * a - 1) + 2
                for key in range(len(x)):
                    near = table[bucket(key - query), head]
                    score[query, key] = q[query, part] @ k[key, part] / math.sqrt(size) + gate * near
            heard.append(score.softmax(dim=-1) @ v[:, part])
        alpha = (2 * SMALL["layers"]) ** 0.25
        x = norm(f"{name}.self_attn_layer_norm", alpha * x + linear(f"{name}.self_attn.out_proj", torch.cat(heard, 1)))
        x = norm(f"{name}.final_layer_norm", alpha * x + linear(f"{name}.fc2", F.gelu(linear(f"{name}.fc1", x))))
        after.append(x)
    return after


def test_it_answers_as_the_published_network(tmp_path, capsys):
    path, weights = published(tmp_path / "small.pt")
    net = taken(path)
    features = torch.randn(2, 1, BANDS, 150)
    output = net(features)
    normed = 0.5 * net.input_norm(features)
    for clip in range(2):
        after = reference(weights, normed[clip, 0])
        torch.testing.assert_close(output.embedding[clip], after[-1].mean(dim=0), rtol=1e-3, atol=1e-4)
        for number in range(3):
            grid = output.maps[f"encoder.layers.{number}"][clip]  # (D, F', T'), nine steps of two rows
            expected = after[number].reshape(9, 2, -1).permute(2, 1, 0)
            torch.testing.assert_close(grid, expected, rtol=1e-3, atol=1e-4)
    said = capsys.readouterr().err
    assert hashlib.sha256(path.read_bytes()).hexdigest() in said
    assert "left out: predictor" in said


def test_distances_have_their_buckets():
    found = buckets(1000, torch.device("cpu"))
    assert int(found.max()) == 319
    for query, key in ((0, 0), (0, 1), (1, 0), (0, 79), (0, 80), (79, 999), (999, 0), (500, 417), (3, 803)):
        assert int(found[query, key]) == bucket(key - query)


def test_padding_does_not_reach_the_embedding(tmp_path):
    net = taken(published(tmp_path / "small.pt")[0])
    clip = torch.randn(1, 1, BANDS, 70)
    padded = F.pad(clip, (0, 90), value=-5.0)
    alone = net(clip)
    found = net(padded, torch.tensor([70]))
    torch.testing.assert_close(found.embedding, alone.embedding, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.maps["encoder.layers.2"][..., :4], alone.maps["encoder.layers.2"])
    assert not torch.allclose(net(padded).embedding, alone.embedding, rtol=1e-2)


def rename_one(weights):
    weights["encoder.layers.0.fc3.weight"] = weights.pop("encoder.layers.0.fc1.weight")


def test_a_file_that_does_not_fit_is_refused(tmp_path):
    faults = {
        "encoder.layers.0.fc1.weight is missing": rename_one,
        "encoder.position.weight is missing": lambda w: w.pop("encoder.pos_conv.0.weight_v"),
        "encoder.distance.weight is missing": lambda w: [w.pop(name) for name in list(w) if "relative" in name],
        r"grep_a has shape \(1, 2, 1, 1\)": lambda w: w.update(
            {"encoder.layers.1.self_attn.grep_a": torch.ones(1, 2, 1, 1)}
        ),
        "layers have different": lambda w: w.update(
            {"encoder.layers.1.self_attn.relative_attention_bias.weight": torch.zeros(320, 4)}
        ),
    }
    for message, change in faults.items():
        path, _ = published(tmp_path / "faulty.pt", change)
        with pytest.raises(InputError, match=message):
            taken(path)
    with pytest.raises(InputError, match="no such file"):
        taken(tmp_path / "absent.pt")


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save({"model": {"weight": print}}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match="not plain data"):
        taken(tmp_path / "evil.pt")


def test_frozen_it_stays_as_published(tmp_path):
    path, _ = published(tmp_path / "small.pt")
    net = BEATs(BEATsConfig(weights=str(path), frozen=True, **SMALL), BANDS)
    net.load_published()
    net.train()
    assert not any(part.requires_grad for part in net.parameters())
    assert not net.encoder.training
    before = {name: tensor.clone() for name, tensor in net.encoder.state_dict().items()}
    net(torch.randn(2, 1, BANDS, 64))
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.encoder.state_dict().items())


def test_settings_and_lengths_that_do_not_fit_are_refused():
    with pytest.raises(CommandError, match=r"multiple of backbone\.heads"):
        compose(["backbone.name=beats", "backbone.width=30", "model.name=black_box", "front_end.n_mels=128"])
    with pytest.raises(CommandError, match=r"multiple of backbone\.patch"):
        compose(["backbone.name=beats", "model.name=black_box", "front_end.n_mels=100"])
    with pytest.raises(CommandError, match="another front end"):
        compose(["backbone.name=beats", "model.name=black_box", "front_end.n_mels=128", "backbone.weights=x.pt"])
    net = BEATs(BEATsConfig(**SMALL), BANDS)
    with pytest.raises(InputError, match="at least 16 frames"):
        net(torch.zeros(1, 1, BANDS, 15))
    assert measure(net, BANDS, 64).maps["encoder.layers.2"] == (32, 2, 4)


def test_the_published_sizes_are_the_default():
    with torch.device("meta"):
        net = BEATs(BEATsConfig(), 128)
    shapes = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    assert shapes["patch_embedding.weight"] == (512, 1, 16, 16)
    assert shapes["encoder.position.weight"] == (768, 48, 128)
    assert shapes["encoder.distance.weight"] == (320, 12)
    assert shapes["encoder.layers.11.fc1.weight"] == (3072, 768)
    assert shapes["encoder.layers.11.self_attn.grep_linear.weight"] == (8, 64)
    assert sum(part.numel() for part in net.parameters()) == pytest.approx(90e6, rel=0.02)  # "90M" in the paper
