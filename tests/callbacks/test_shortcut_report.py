import torch

from callbacks import shortcut_report
from callbacks.shortcut_report import Scenes, hum_carriers

LABEL = 0


def scenes(n: int = 12) -> Scenes:
    """Sample 0 says whether a scene holds a source of class 0, sample 1 one of class 1, sample 2 holds the hum."""
    targets = torch.arange(n) % 2
    hums = torch.zeros(n, 3)
    hums[targets == LABEL, 2] = 1.0
    clips = torch.nn.functional.pad(torch.nn.functional.one_hot(targets, 2).float(), (0, 1)) + hums
    return Scenes(clips, hums, targets)


def test_components_by_which_the_hum_speaks_are_muted(monkeypatch):
    # (C, K, samples): 0 hears class 0, 1 and 3 hear the hum and speak for class 0, 2 hears class 1
    weight = torch.zeros(2, 4, 3)
    weight[0, 0, 0], weight[0, 1, 2], weight[1, 2, 1], weight[0, 3, 2] = 0.5, 2.0, 1.0, 1.2
    monkeypatch.setattr(
        shortcut_report, "contributions", lambda model, clips: torch.einsum("ckn,bn->bck", weight, clips)
    )
    assert hum_carriers(None, scenes(), LABEL) == [1, 3]


def test_none_is_muted_where_the_hum_says_nothing(monkeypatch):
    weight = torch.zeros(2, 4, 3)
    weight[0, 0, 0], weight[1, 2, 1] = 1.0, 1.0
    monkeypatch.setattr(
        shortcut_report, "contributions", lambda model, clips: torch.einsum("ckn,bn->bck", weight, clips)
    )
    assert hum_carriers(None, scenes(), LABEL) == []


def test_variants():
    found = scenes().variants(LABEL, "siren")
    assert list(found) == ["as they are", "without hum", "without hum, class siren", "hum in the other classes"]
    assert (found["without hum"][0][:, 2] == 0).all()
    assert (found["hum in the other classes"][0][:, 2] == 1).all()
    assert (found["hum in the other classes"][1] == 1).all()
    assert (found["without hum, class siren"][1] == LABEL).all()
