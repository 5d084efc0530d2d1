"""What may be registered, and what the built-in table promises."""

import dataclasses
from pathlib import Path

import pytest

from configs import registry
from configs.errors import CommandError
from configs.registry import component, names, nearest, register
from configs.schema import BackboneConfig, VGGConfig

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_components", dict(registry._components))


def test_built_in_names() -> None:
    assert names("dataset")[:3] == ["sound_scenes", "esc50", "audio_folder"]
    assert names("backbone")[:2] == ["small_cnn", "vgg"]
    assert names("model")[:2] == ["by_design", "black_box"]


@pytest.mark.parametrize("kind", registry.BASES)
def test_built_in_settings_know_their_name(kind: str) -> None:
    for name in names(kind):
        config = component(kind, name).config
        assert kind == "callback" or {f.name: f.default for f in dataclasses.fields(config)}["name"] == name


@pytest.mark.parametrize(
    ("kind", "name", "config", "target", "words"),
    [
        ("backbon", "x", VGGConfig, "a:b", "unknown kind"),
        ("backbone", "vgg", VGGConfig, "a:b", "already registered"),
        ("backbone", "my-net", VGGConfig, "a:b", "letters, digits"),
        ("backbone", "x", dict, "a:b", "extends BackboneConfig"),
        ("model", "x", VGGConfig, "a:b", "extends ModelConfig"),
        ("backbone", "x", VGGConfig, "a.b", "package.module:attribute"),
    ],
)
def test_refused(kind: str, name: str, config: type, target: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        register(kind, name, config, target)


def test_load_follows_the_path_late() -> None:
    register("backbone", "path_class", BackboneConfig, "pathlib:Path")
    assert component("backbone", "path_class").load() is Path
    register("backbone", "nowhere", BackboneConfig, "no_module_here:x")
    with pytest.raises(CommandError, match="cannot load no_module_here:x"):
        component("backbone", "nowhere").load()


def test_nearest() -> None:
    assert nearest("esc", ["sound", "esc50"]) == ", did you mean 'esc50'?"
    assert nearest("bydesign", ["black_box", "by_design"]) == ", did you mean 'by_design'?"
    assert nearest("zzz", ["abc"]) == ""
