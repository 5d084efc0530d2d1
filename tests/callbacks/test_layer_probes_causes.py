"""What moves the layers: planted latents, doses and copies are found where they are, and nowhere else."""

import csv
import json
import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from callbacks.layer_probes_causes import controls, copies, derivatives
from callbacks.layer_probes_doses import doses, heard_copies
from callbacks.layer_probes_durations import duration_rows
from callbacks.layer_probes_hearing import Hearing
from callbacks.layer_probes_moved import moved
from callbacks.layer_probes_moves import Move, moves_of
from callbacks.layer_probes_sections import section_rows
from callbacks.layer_probes_subject import Subject
from callbacks.layer_probes_tables import write_tables
from callbacks.layer_probes_targets import targets_of
from callbacks.layer_probes_wandb import end_entries
from callbacks.media import write_wav
from configs.compose import compose
from configs.errors import CommandError, InputError
from interpretability.layers.generator_run import generator_clocks
from interpretability.layers.time_base import TimeBase
from models.gan_codes import BinaryCodes, OneHotCodes
from tests.callbacks.test_layer_probes_doses import Ear, ear
from tests.interpretability.layers.conftest import PlantedGenerator

RATE = 8000
STEP = TimeBase(jump=TimeBase().jump * 64, centre=TimeBase().centre + 32)


class Words(nn.Module):
    """From latents (B, 12) to words at 8 kHz: a tone; above 0, latent 2 adds noise and 5 says the word again."""

    def forward(self, z: Tensor) -> Tensor:
        at = torch.arange(4096) / RATE
        pitch = 200 + 40 * z[:, 7:8]
        noise = torch.fft.rfft(torch.randn(4096, generator=torch.Generator().manual_seed(0)))
        noise[: len(noise) // 2] = 0
        hiss = 0.5 * torch.fft.irfft(noise, 4096) * ((at > 0.02) & (at < 0.08))
        tone = torch.sin(2 * math.pi * pitch * at)
        once, again = (at > 0.1) & (at < 0.2), (at > 0.28) & (at < 0.38)
        return (tone * once + (z[:, 5:6] > 0) * tone * again + (z[:, 2:3] > 0) * hiss)[:, None]


def latents_of(n: int, size: int = 12, random: torch.Generator | None = None) -> tuple[Tensor, None]:
    return torch.rand(n, size, generator=random) * 2 - 1, None


def planted(size: int = 8) -> tuple[Subject, SimpleNamespace, list[Move]]:
    network = PlantedGenerator()
    layers = ("coarse", "fine")
    bases = latents_of(32, 8, torch.Generator().manual_seed(1))[0]
    subject = Subject("generator", network, layers, generator_clocks(network, layers, bases), {}, {}, 4000)
    model = SimpleNamespace(latents=lambda n, random: latents_of(n, 8, random), codes=None)
    path = torch.linspace(-0.8, 0.8, 5)[:, None]
    moves = [Move(f"latent {i}", (i,), path, bases, (3, 5, 6, 7)) for i in (0, 3)]
    return subject, model, moves


def test_a_planted_latent_moves_its_layers_beyond_random_ones_and_an_idle_one_does_not():
    subject, model, moves = planted()
    busy, idle = moved(subject, moves)
    assert [layer["layer"] for layer in busy["layers"]] == ["coarse", "fine", "sound"]
    for layer in busy["layers"]:
        assert layer["against_random"][1] > 2
        assert layer["level_slope"][1] > 0
        assert -0.3 < layer["half"] < 0.3
        assert layer["growth"][0] == sorted(layer["growth"][0])
        assert layer["growth"][1][-1] > layer["random_growth"][2][-1]
        assert len(layer["effect"][0]) == len(layer["ridges"][0])
    coarse = busy["layers"][0]
    peak = coarse["start"] + coarse["step"] * max(range(64), key=lambda i: coarse["effect"][0][i])
    assert 0.03 <= peak <= 0.08
    growing = [spike for spike in coarse["spikes"] if spike["height"]["slope"][1] > 0.1]
    assert growing
    assert all(0.03 <= spike["seconds"] <= 0.08 for spike in growing)
    assert all(layer["against_random"][2] < -5 for layer in idle["layers"])
    assert idle["patched"] is None
    assert busy["guard"] == ""
    found = derivatives(model, subject, moves)
    coarse = found["strength"]["coarse"]
    assert found["names"][coarse.index(max(coarse))] == "latent 0"
    assert coarse[3] == 0
    assert [one["name"] for one in found["maps"]] == ["latent 0", "latent 3"]


def test_patching_hands_the_level_on_through_the_channel_that_makes_it():
    subject, _, moves = planted()
    rows = moved(subject, moves[:1])[0]["patched"]
    assert rows["property"] in ("level", "centroid", "sound")
    first = {row["layer"]: row for row in rows["rows"] if row["channels"] == 1}
    assert first["coarse"]["share"][0] == pytest.approx(1, abs=0.05)  # channel 1 alone is moved by latent 0


def test_beyond_the_training_range_the_guard_speaks():
    subject, _, moves = planted()
    path = torch.tensor([[0.0], [4.0], [40.0]])
    found = moved(subject, [Move("far", (0,), path, moves[0].bases, (3,))])[0]
    assert "2 of 3 settings are outside the training range" in found["guard"]
    assert found["broken"][2]


def test_the_latents_that_control_a_property_are_found_and_no_others():
    subject = Subject("generator", Words(), (), {}, {}, {}, RATE)
    model = SimpleNamespace(latents=lambda n, random: latents_of(n, 12, random), codes=None)
    found = {row["property"]: row for row in controls(model, subject, 256)}
    assert [one["name"] for one in found["noise of 30 ms or more"]["chosen"]] == ["latent 2"]
    assert [one["name"] for one in found["two stretches of sound or more"]["chosen"]] == ["latent 5"]
    assert found["two stretches of sound or more"]["chosen"][0]["sign"] == 1
    assert "256 of 256 sounds have the property" in found["tone of 30 ms or more"]["problem"]


class Copier(nn.Module):
    """Two layers of 64 steps: `copy` says an item's own pattern twice, `new` says another one the second time."""

    def __init__(self) -> None:
        super().__init__()
        self.copy, self.new = nn.Identity(), nn.Identity()

    def forward(self, z: Tensor) -> Tensor:
        pattern, other = (torch.stack([row.roll(k) for row in z]) for k in (0, 3))
        gap, end = z.new_zeros(len(z), 1, 10), z.new_zeros(len(z), 1, 22)
        copy = torch.cat([gap, pattern[:, None], gap, pattern[:, None], end[..., :20]], dim=2)
        self.copy(copy)
        self.new(torch.cat([gap, pattern[:, None], gap, other.flip(1)[:, None], end[..., :20]], dim=2))
        return copy


def test_a_copy_is_located_in_the_layer_that_has_it():
    sound = torch.zeros(24, 4096)
    tone = torch.sin(2 * math.pi * 300 * torch.arange(4096) / RATE)
    for start in (640, 2048):  # the 12 steps of a syllable
        sound[:, start : start + 768] = 0.5 * tone[:768]
    given = torch.randn(24, 12, generator=torch.Generator().manual_seed(2))
    subject = Subject("generator", Copier(), ("copy", "new"), dict.fromkeys(("copy", "new"), STEP), {}, {}, RATE)
    now = Hearing({}, {}, given, sound, torch.full((24,), 4096))
    copier, new = copies(subject, now, given)["rows"]
    assert copier["copied"][1] > 0.5
    assert new["copied"][1] < 0.2 or new["copied"][0] < copier["copied"][0] / 2
    said = copies(subject, Hearing({}, {}, given, 0 * sound, now.length), given)
    assert said["why"] == "0 of 24 sounds have two stretches; four are needed"


def test_sections_and_durations_of_planted_layers():
    sound = Words()(latents_of(40, 12, torch.Generator().manual_seed(4))[0])[:, 0]
    length = torch.full((40,), 4096)
    targets = targets_of(sound, length, RATE, ["intensity"], generated=True)
    level = sound.square().unflatten(1, (-1, 64)).mean(dim=2).sqrt()
    bright = torch.stack([row.diff().abs().unflatten(0, (-1, 63)).mean(1) for row in sound[:, :4033]])
    noise = torch.rand(level.shape, generator=torch.Generator().manual_seed(5))
    clocks = dict.fromkeys(("level", "bright", "noise"), STEP)
    subject = Subject("generator", nn.Identity(), tuple(clocks), clocks, {}, {}, RATE)
    now = Hearing({"level": level, "bright": bright, "noise": noise}, {}, sound, sound, length)
    before = Hearing(dict.fromkeys(clocks, noise.flip(0)), {}, sound, sound, length)
    rows = {(r["layer"], r["scope"], *r["pair"]): r for r in section_rows(subject, now, targets, before)}
    loud = rows["level", "within", "voiced", "silence"]
    assert loud["area"][1] > 0.9
    assert abs(loud["untrained"][0] - 0.5) < 0.1
    assert loud["wrong_partners"][0] < loud["area"][1]
    for scope in ("within", "across"):
        assert rows["bright", scope, "voiced", "fricative"]["area"][2] < 0.4
        low, high = rows["noise", scope, "voiced", "fricative"]["area"][1:]
        assert low < 0.5 < high
    fits = {row["layer"]: row for row in duration_rows(subject, now, targets)}
    assert fits["level"]["beta"] == pytest.approx(1, abs=0.1)
    assert fits["level"]["adjusted_r2"] > 0.95
    assert fits["noise"]["adjusted_r2"] < 0.2


def test_codes_go_from_one_category_to_the_next_and_bits_from_0_to_1():
    def model(codes):
        def latents(n, random=None):
            return torch.cat([codes.of(codes.draw(n, random)), latents_of(n, 6, random)[0]], dim=1), None

        settings = SimpleNamespace(latents=6 + codes.n_variables)
        device = torch.device("cpu")
        return SimpleNamespace(codes=codes, settings=settings, latents=latents, device=device, reach=1.0)

    one_hot = moves_of(model(OneHotCodes(3)), 8, [], ["lexical"])
    assert [move.name for move in one_hot] == ["code 2 to 0", "code 0 to 1", "code 1 to 2", "lexical"]
    assert one_hot[1].latents == (0, 1)
    assert one_hot[1].path[[0, -1]].tolist() == [[1, 0], [0, 1]]
    assert not one_hot[1].bases[:, :3].any()
    assert one_hot[1].others == tuple(range(3, 9))
    assert one_hot[3].path[:, 0].tolist() == [0.25 * step for step in range(9)]
    bits = moves_of(model(BinaryCodes(2)), 8, [])
    assert [move.name for move in bits] == ["bit 0", "bit 1"]
    assert bits[0].bases[:, 1].unique().tolist() == [0, 1]
    (own,) = moves_of(model(BinaryCodes(2)), 8, [4])
    assert own.path[[0, -1], 0].tolist() == [-1, 1]
    with pytest.raises(InputError, match="latent 8 does not exist: the generator has 8"):
        moves_of(model(BinaryCodes(2)), 8, [8])
    with pytest.raises(InputError, match="moves latent 11, the generator has 8"):
        moves_of(model(BinaryCodes(2)), 8, [], ["frication"])
    with pytest.raises(InputError, match="bases=4 must be 0 or at least 8"):
        moves_of(model(BinaryCodes(2)), 4, [])
    with pytest.raises(CommandError, match=r"bases=4 must be 0 or at least 8"):
        compose(["callbacks.layer_probes.bases=4"])
    with pytest.raises(CommandError, match=r"protocols: fricative must be one of frication"):
        compose(["callbacks.layer_probes.protocols=[fricative]"])


def test_tables_hold_the_same_figures_as_the_point(tmp_path):
    subject, model, moves = planted()
    data = {
        "carried": [],
        "probes": [],
        "moved": moved(subject, moves[:1]),
        "derivative": derivatives(model, subject, []),
    }
    ears, given = ear()
    data |= {"doses": doses(ears, Ear(), given, 0.6)[0][:1], "copying": heard_copies(ears)}
    write_tables(tmp_path, data)
    names = {path.stem for path in (tmp_path / "layers").glob("*.csv")}
    assert names >= {"effects", "effect_curves", "spikes", "patching", "derivatives", "doses", "copying"}
    with (tmp_path / "layers" / "effects.csv").open() as file:
        rows = list(csv.DictReader(file))
    layer = data["moved"][0]["layers"][0]
    assert float(rows[0]["against_random"]) == pytest.approx(layer["against_random"][0], rel=1e-4)
    assert float(rows[0]["against_random_low"]) == pytest.approx(layer["against_random"][1], rel=1e-4)
    with (tmp_path / "layers" / "doses.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2 * len(data["doses"][0]["doses"])
    json.dumps(data)


def test_tables_and_one_sound_go_to_weights_and_biases(tmp_path):
    write_tables(tmp_path, {"carried": [], "probes": [], "copying": heard_copies(ear()[0])})
    layers = [{"layer": "loud", "file": "b.wav"}, {"layer": "deaf", "problem": "too short"}]
    point = {"shown": [{"name": "clip 0", "file": "a.wav", "layers": layers}, {"name": "clip 1"}]}
    needed = {name: [] for name in ("carried", "probes", "layers")}
    more = {"version": 1, "epoch": 1, "kind": "classifier", "sample_rate": RATE, "n": 1, **needed}
    (tmp_path / "layers" / "end.json").write_text(json.dumps(point | more))
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / "media" / "layers" / name, torch.zeros(80).numpy(), RATE)
    made = SimpleNamespace(Table=lambda columns, data: (columns, data), Audio=lambda path, caption: caption)
    entries = end_entries(tmp_path)(made)
    assert entries["layer_probes/sounds"] == ["clip 0", "loud"]
    columns, rows = entries["layer_probes/copying_table"]
    assert columns[0] == "layer"
    assert [row[0] for row in rows] == ["loud", "deaf"]
    assert set(entries) == {"layer_probes/sounds", "layer_probes/copying_table"}
