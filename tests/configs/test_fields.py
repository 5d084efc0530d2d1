"""The schema explains itself: a sentence for every field, types and values as they are typed."""

import dataclasses
from typing import Literal

import pytest

from configs import schema
from configs.fields import MISSING, sentences, settings, summary, takes_text, type_text, value_text


def _schema_classes() -> list[type]:
    return [getattr(schema, name) for name in schema.__all__]


@pytest.mark.parametrize("config", _schema_classes(), ids=lambda config: config.__name__)
def test_every_field_has_one_sentence(config: type) -> None:
    told = sentences(config)
    for item in dataclasses.fields(config):
        sentence = told.get(item.name, "")
        assert sentence.endswith("."), f"{config.__name__}.{item.name}: {sentence!r}"
        assert len(sentence) < 130
    assert summary(config) or config is schema.Config


def test_every_class_of_the_schema_files_is_exported() -> None:
    from configs import (
        backbone_schema,
        component_schema,
        data_schema,
        interpreter_schema,
        model_schema,
        training_schema,
    )

    for module in (component_schema, data_schema, interpreter_schema, model_schema, backbone_schema, training_schema):
        own = {n for n, v in vars(module).items() if dataclasses.is_dataclass(v) and v.__module__ == module.__name__}
        assert own <= set(schema.__all__)


@dataclasses.dataclass
class Undocumented:
    needed: int
    first: int = 1
    """Said."""
    second: int = 2


def test_settings_of_any_dataclass() -> None:
    found = {item.key: (item.default, item.sentence) for item in settings(Undocumented, "callbacks.mine")}
    assert found == {
        "callbacks.mine.needed": (MISSING, ""),
        "callbacks.mine.first": (1, "Said."),
        "callbacks.mine.second": (2, ""),
    }
    assert summary(Undocumented) == ""


def test_a_class_made_at_run_time_has_no_sentences() -> None:
    assert sentences(dataclasses.make_dataclass("Made", [("x", int, 1)])) == {}


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "int"),
        (float | None, "float or none"),
        (float | int, "float or int"),
        (list[str], "list[str]"),
        (Literal["a", "b"], "one of a, b"),
        (Literal["a"] | None, "one of a or none"),
    ],
)
def test_type_text(annotation: object, text: str) -> None:
    assert type_text(annotation) == text


def test_takes_text() -> None:
    assert takes_text(str | None)
    assert takes_text(Literal["a"])
    assert not takes_text(str | int)
    assert not takes_text(list[str])


def test_value_text() -> None:
    assert [value_text(value) for value in (None, True, 0.5, ["a", 1], "x")] == ["none", "true", "0.5", "[a,1]", "x"]
