"""Tokens on their grid, local checkpoints only, and padding that changes nothing; on tiny random transformers."""

import sys

import pytest
import torch

from configs.errors import InputError
from configs.schema import SpectrogramTransformerConfig
from models.spectrogram_transformer import SpectrogramTransformer, grid_of, regrid

SIZES = {"width": 16, "layers": 3, "heads": 2, "patch": 8, "stride": 4, "frames": 64}
MELS = 24


@pytest.fixture
def transformers():
    return pytest.importorskip("transformers", reason='needs pip install "soundglass[transformers]"')


def checkpoint(transformers, folder, kind="ASTModel", **changes):
    torch.manual_seed(3)
    settings = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
    settings |= {"patch_size": 8, "frequency_stride": 4, "time_stride": 4, "max_length": 64, "num_mel_bins": MELS}
    model = getattr(transformers, kind)(transformers.ASTConfig(**settings | changes))
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(0.2 * torch.randn_like(weights))
    model.save_pretrained(folder)
    return model.eval()


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r'pip install "soundglass\[transformers\]"'):
        SpectrogramTransformer(SpectrogramTransformerConfig(**SIZES), MELS)


def test_positions_are_interpolated_on_their_grid():
    rows, columns = torch.meshgrid(torch.arange(3.0), torch.arange(5.0), indexing="ij")
    patches = torch.stack([rows.flatten(), columns.flatten()], dim=1)
    positions = torch.cat([torch.tensor([[7.0, 7.0], [8.0, 8.0]]), patches])[None]
    assert regrid(positions, (3, 5), (3, 5)) is positions
    found = regrid(positions, (3, 5), (3, 10))
    assert found.shape == (1, 2 + 30, 2)
    torch.testing.assert_close(found[:, :2], positions[:, :2])
    on_grid = found[0, 2:].reshape(3, 10, 2)
    torch.testing.assert_close(on_grid[:, 0, 0], torch.arange(3.0))
    torch.testing.assert_close(on_grid[1, 1:-1, 1], torch.arange(0.25, 4, 0.5))
    assert grid_of(128, 1024, 16, 10) == (12, 101)  # as published


@pytest.mark.parametrize("kind", ["ASTModel", "ASTForAudioClassification"])  # the published ones are of the second
def test_a_local_checkpoint_answers_as_it_did(tmp_path, transformers, capsys, kind):
    theirs = checkpoint(transformers, tmp_path, kind)
    theirs = getattr(theirs, "audio_spectrogram_transformer", theirs)
    net = SpectrogramTransformer(SpectrogramTransformerConfig(**SIZES, weights=str(tmp_path)), MELS).eval()
    net.load_published()
    features = torch.randn(2, 1, MELS, 64)
    output = net(features)
    expected = theirs(input_values=0.5 * net.input_norm(features).squeeze(1).transpose(1, 2), output_hidden_states=True)
    torch.testing.assert_close(output.embedding, expected.pooler_output, rtol=1e-4, atol=1e-5)
    assert list(output.maps) == ["encoder.layer.0", "encoder.layer.1", "encoder.layer.2"]
    last = output.maps["encoder.layer.2"]
    assert last.shape == (2, 16, *grid_of(MELS, 64, 8, 4))
    token = expected.hidden_states[3][:, 2 + 2 * last.shape[3] + 7]  # row 2, column 7
    torch.testing.assert_close(last[:, :, 2, 7], token, rtol=1e-4, atol=1e-5)
    assert "safetensors" in capsys.readouterr().err


def test_a_patch_speaks_of_its_place(transformers):
    net = SpectrogramTransformer(SpectrogramTransformerConfig(**SIZES), MELS).eval()
    tokens = net.net.embeddings(torch.zeros(1, 64, MELS))
    hit = torch.zeros(1, 64, MELS)
    hit[0, 40:44, 16:20] = 5.0  # frames 40-43, bands 16-19
    changed = net.on_grid(net.net.embeddings(hit) - tokens).abs().sum(1)[0] > 1e-6
    expected = torch.zeros_like(changed)
    expected[3:5, 9:11] = True  # patches of 8 from 12 or 16, and from 36 or 40
    assert torch.equal(changed, expected)


def test_padding_changes_nothing(transformers):
    net = SpectrogramTransformer(SpectrogramTransformerConfig(**SIZES), MELS).eval()
    clip = torch.randn(1, 1, MELS, 40)
    padded = torch.nn.functional.pad(clip, (0, 20), value=-5.0)
    alone, within = net(clip), net(padded, torch.tensor([40]))
    torch.testing.assert_close(alone.embedding, within.embedding)
    for name, maps in alone.maps.items():
        torch.testing.assert_close(maps, within.maps[name][..., : maps.shape[-1]])
    assert not torch.allclose(net(padded).embedding, alone.embedding)
    with pytest.raises(InputError, match=r"65 frames, more than backbone\.frames=64"):
        net(torch.zeros(1, 1, MELS, 65))


def test_checkpoints_of_another_size_or_kind_are_refused(tmp_path, transformers):
    def load(folder, **changes):
        SpectrogramTransformer(
            SpectrogramTransformerConfig(**SIZES | changes, weights=str(folder)), MELS
        ).load_published()

    checkpoint(transformers, tmp_path / "good")
    load(tmp_path / "good", frames=40)  # another length is interpolated
    checkpoint(transformers, tmp_path / "narrow", intermediate_size=32)
    with pytest.raises(
        InputError, match=r"has shape \(32, 16\), expected \(64, 16\)|has shape \(32,\), expected \(64,\)"
    ):
        load(tmp_path / "narrow")
    with pytest.raises(InputError, match=r"hidden_size is 16, backbone.width=32"):
        load(tmp_path / "good", width=32)
    with pytest.raises(InputError, match="no such folder"):
        load(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no readable config\.json"):
        load(tmp_path / "empty")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="model_type 'bert'"):
        load(tmp_path / "other")
    next((tmp_path / "good").glob("*.safetensors")).write_bytes(b"cut")
    with pytest.raises(InputError, match="cannot be loaded"):
        load(tmp_path / "good")


def test_a_frozen_transformer_learns_the_statistics_of_its_input_only(tmp_path, transformers):
    checkpoint(transformers, tmp_path)
    net = SpectrogramTransformer(SpectrogramTransformerConfig(**SIZES, weights=str(tmp_path), frozen=True), MELS)
    net.load_published()
    net.train()
    assert not any(p.requires_grad for p in net.parameters())
    assert [name for name, part in net.named_modules() if part.training] == ["input_norm"]
    net(torch.randn(4, 1, MELS, 64) - 3)
    assert float(net.input_norm.running_mean) < -0.2
