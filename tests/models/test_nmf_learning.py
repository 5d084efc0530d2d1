"""Dictionaries learned from planted parts, and the files that keep them."""

from functools import partial

import pytest
import torch

from configs.errors import InputError
from configs.schema import FrontEndConfig, NMFConfig
from models.front_end import FrontEnd
from models.nmf_dictionary import Dictionary, effective_components
from models.nmf_learning import learn_dictionary, random_dictionary, shares

N_BINS, PER_CLASS = 60, 3
NAMES = ("a", "b")


def planted():
    """Six bumps at different bins: three that only class 0 sounds, three that only class 1 does."""
    centres = torch.tensor([5.0, 14, 23, 32, 41, 50])
    atoms = torch.exp(-0.5 * ((torch.arange(N_BINS)[:, None] - centres) / 1.5) ** 2)
    return atoms / atoms.norm(dim=0)


def frames(label, n=1500):
    """Blocks in which clips of both classes alternate, as shuffled clips do."""
    atoms, generator = planted(), torch.Generator().manual_seed(0)
    for _ in range(n // 50):
        for c in (0, 1) if label is None else (label,):
            owned = atoms[:, PER_CLASS * c : PER_CLASS * (c + 1)]
            active = torch.rand(PER_CLASS, 50, generator=generator)
            active *= torch.rand(PER_CLASS, 50, generator=generator) < 0.4
            yield owned @ active + 1e-3 * torch.rand(N_BINS, 50, generator=generator)


def learn(**settings):
    settings = {"sparsity": 0.01, "frames": 2000, "updates": 150} | settings
    return learn_dictionary(frames, NAMES, 6, NMFConfig(**settings), FrontEnd(FrontEndConfig()).settings)


@pytest.mark.parametrize(
    "settings", [{}, {"per_class": True}, {"batch_frames": 250, "seeds": 3}, {"beta": 2.0, "seeds": 6}]
)
def test_planted_atoms_are_found(settings):
    found = learn(**settings)
    assert found.atoms.shape == (N_BINS, 6)
    torch.testing.assert_close(found.atoms.norm(dim=0), torch.ones(6))
    assert (planted().T @ found.atoms).amax(dim=1).min() > 0.95
    assert found.relative_error < 0.02
    assert 4 < found.effective_components <= 6
    assert (found.scale > 0).all()


def test_random_atoms_explain_less_than_learned_ones():
    settings = NMFConfig(sparsity=0.01, frames=2000)
    found = random_dictionary(frames, 6, settings, FrontEnd(FrontEndConfig()).settings, seed=1)
    assert found.atoms.shape == (N_BINS, 6)
    assert found.atoms.min() >= 0
    torch.testing.assert_close(found.atoms.norm(dim=0), torch.ones(6))
    assert found.relative_error > 10 * learn().relative_error
    assert found.owners == ("random",) * 6
    again = random_dictionary(frames, 6, settings, FrontEnd(FrontEndConfig()).settings, seed=1)
    assert torch.equal(found.atoms, again.atoms)


def test_classes_own_their_components():
    found = learn(per_class=True)
    assert found.owners == ("a",) * 3 + ("b",) * 3
    similarity = planted().T @ found.atoms
    assert similarity[:3, 3:].max() < 0.3
    assert learn().owners == ("all",) * 6


def test_noise_atoms_are_fixed_beside_the_others_and_left_out():
    hum = torch.zeros(N_BINS, 1)
    hum[57:] = 1.0

    def noisy(label):
        for n, block in enumerate(frames(label)):
            level = torch.rand(block.shape[1], generator=torch.Generator().manual_seed(n))
            yield block * (torch.arange(block.shape[1]) % 5 > 0) + 0.05 * hum * (0.5 + level)

    settings = NMFConfig(sparsity=0.01, frames=2000, updates=150, noise_components=1)
    with_noise = learn_dictionary(noisy, NAMES, 6, settings, {})
    assert with_noise.atoms.shape == (N_BINS, 6)
    share_of_hum = with_noise.atoms[57:].square().sum(dim=0)
    assert share_of_hum.max() < 0.2
    assert (planted().T @ with_noise.atoms).amax(dim=1).min() > 0.9


def test_learning_repeats_exactly():
    assert torch.equal(learn().atoms, learn().atoms)


def test_silence_is_refused():
    silent = partial(lambda label: iter([torch.zeros(N_BINS, 100)]))
    with pytest.raises(InputError, match="silent"):
        learn_dictionary(silent, NAMES, 6, NMFConfig(), {})


def test_a_dictionary_survives_its_file(tmp_path):
    found = learn(updates=20)
    found.save(tmp_path / "d.pt")
    again = Dictionary.load(tmp_path / "d.pt")
    assert torch.equal(found.atoms, again.atoms)
    assert vars(found).keys() == vars(again).keys()
    assert (again.nmf, again.front_end, again.owners) == (found.nmf, found.front_end, found.owners)


def test_files_that_cannot_be_used_are_refused_in_one_line(tmp_path):
    found = learn(updates=20)
    found.save(tmp_path / "d.pt")
    whole = (tmp_path / "d.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    torch.save({"x": 1}, tmp_path / "other.pt")
    for name, message in (("cut.pt", "truncated"), ("other.pt", "format"), ("missing.pt", "no such file")):
        with pytest.raises(InputError, match=message):
            Dictionary.load(tmp_path / name)


def test_a_dictionary_of_another_front_end_is_refused():
    found = learn(updates=20)
    settings = FrontEnd(FrontEndConfig()).settings
    found.check({**settings, "n_mels": 128}, 6)
    with pytest.raises(InputError, match=r"sample_rate was 22050, is 44100"):
        found.check({**settings, "sample_rate": 44100}, 6)
    with pytest.raises(InputError, match="6 components"):
        found.check(settings, 7)


def test_effective_components_of_known_activations():
    assert effective_components(torch.eye(5)) == pytest.approx(5)
    assert effective_components(torch.tensor([[3.0, 1.0], [0.0, 0.0]])) == pytest.approx(1)


def test_components_are_divided_evenly():
    assert shares(64, 10) == [7, 7, 7, 7, 6, 6, 6, 6, 6, 6]
    assert sum(shares(100, 50)) == 100
