"""A user's own package joins the registry from any layer."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from configs import registry
from configs.compose import Printout, compose, from_plain, parse, to_plain, to_yaml
from configs.errors import CommandError
from configs.schema import Config

GOOD = '''
from dataclasses import dataclass
from configs.registry import register
from configs.schema import CallbackConfig, DataConfig

@dataclass
class ClicksData(DataConfig):
    """Clicks at a rate."""
    rate: float = 3.0
    """Clicks per second."""
    needed: str = "???"
    """A setting without a default."""

@dataclass
class Counter(CallbackConfig):
    """Counts batches."""
    every: int = 2
    """Batches between two counts."""

register("dataset", "clicks", ClicksData, "NAME_code:Clicks")
register("callback", "counter", Counter, "NAME_code:Missing")
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    """Write a module of the given name and source on the import path; forget it and what it registered afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_components", dict(registry._components))
    before = set(sys.modules)

    def write(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source).replace("NAME", name))
        return name

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def test_dataset_and_callback_of_a_plugin(plugin: Callable[[str, str], str]) -> None:
    plugin("clicks_a", GOOD)
    plugin("clicks_a_code", "class Clicks: pass\n")
    config = compose(
        ["plugins=[clicks_a]", "data.name=clicks", "data.rate=5", "data.needed=x", "callbacks.counter.every=4"]
    )
    assert Config().callbacks.counter.every == 2
    assert (config.data.name, config.data.rate, config.data.batch_size) == ("clicks", 5.0, 32)
    assert (config.callbacks.counter.every, config.callbacks.counter.enabled) == (4, False)
    assert from_plain(to_plain(config)) == config
    assert "clicks_a_code" not in sys.modules
    assert registry.component("dataset", "clicks").load().__name__ == "Clicks"
    with pytest.raises(CommandError, match="cannot load clicks_a_code:Missing"):
        registry.component("callback", "counter").load()


def test_errors_name_the_settings_of_a_plugin(plugin: Callable[[str, str], str]) -> None:
    plugin("clicks_b", GOOD)
    given = ["plugins=[clicks_b]", "data.name=clicks"]
    with pytest.raises(CommandError, match=r"missing: data\.needed"):
        compose(given)
    with pytest.raises(CommandError, match=r"'data\.rate'"):
        compose([*given, "data.rat=3"])
    with pytest.raises(CommandError, match=r"data\.rate=fast: expected float"):
        compose([*given, "data.rate=fast"])
    with pytest.raises(CommandError, match="did you mean 'counter'"):
        compose([*given, "callbacks.countr.enabled=true"])


def test_plugin_named_in_a_file_and_in_a_run(plugin: Callable[[str, str], str], tmp_path: Path) -> None:
    plugin("clicks_c", GOOD)
    file = tmp_path / "mine.yaml"
    file.write_text("plugins: [clicks_c]\ndata:\n  name: clicks\n  needed: x\n")
    config = compose([f"experiment={file}"])
    assert config.data.name == "clicks"
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert compose([f"resume={tmp_path}"]).data == config.data


def test_help_and_list_show_a_plugin(plugin: Callable[[str, str], str]) -> None:
    plugin("clicks_d", GOOD)
    text = parse(["--help", "plugins=[clicks_d]"])
    assert isinstance(text, Printout)
    assert "data.name=clicks: Clicks at a rate." in text.text
    assert "  callbacks.counter.every: int = 2\n      Batches between two counts." in text.text
    listed = parse(["--list", "plugins=[clicks_d]"])
    assert isinstance(listed, Printout)
    assert "  counter: Counts batches." in listed.text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import not_there_at_all", "not_there_at_all"),
        ("1 / 0", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        (
            "from configs.registry import register\nfrom configs.schema import VGGConfig\n"
            "register('backbone', 'vgg', VGGConfig, 'a:b')",
            "'vgg' is already registered",
        ),
    ],
)
def test_a_plugin_that_fails_is_named_in_one_line(plugin: Callable[[str, str], str], source: str, words: str) -> None:
    plugin("failing", source)
    with pytest.raises(CommandError) as caught:
        compose(["plugins=[failing]"])
    message = str(caught.value)
    assert message.startswith("plugin failing: ")
    assert words in message
    assert "\n" not in message


def test_a_plugin_that_is_not_there() -> None:
    with pytest.raises(CommandError, match=r"plugin not_there: .*PYTHONPATH"):
        compose(["plugins=[not_there]"])
