"""What a script is given: also where it is typed at its default, and as it differs from that in Python."""

from configs.explain_schema import ExplainConfig
from configs.script_line import script_settings


def test_what_is_typed_is_given_also_at_its_default() -> None:
    words = ["run=a", "what=clips", "audio=b", "generation.latents=16", "source={names: ''}", "units=[]", "prior=none"]
    settings = script_settings(ExplainConfig, "", words)
    assert settings.given("generation") == {"latents": 16}
    assert settings.given("source") == {"names": ""}
    assert settings.given() == {
        "run": "a", "what": "clips", "audio": "b", "units": [], "prior": None,
    }  # fmt: skip


def test_nothing_that_is_not_typed_is_given() -> None:
    settings = script_settings(ExplainConfig, "", ["run=a", "what=units"])
    assert settings.given() == {"run": "a", "what": "units"}
    assert settings.given("generation") == settings.given("source") == {}
    assert not any(item == "typed" for item in vars(ExplainConfig(run="a")))  # no setting of its own


def test_settings_made_in_python_are_given_where_they_differ_from_the_default() -> None:
    settings = ExplainConfig(run="a", units=["dog"])
    settings.generation.latents = 8
    assert settings.given() == {"run": "a", "units": ["dog"], "generation": settings.generation}
    assert settings.given("generation") == {"latents": 8}
