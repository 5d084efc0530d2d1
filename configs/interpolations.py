"""Settings that follow from others: files of settings write `${generated_seconds:}` in place of a number."""

from typing import Any

from configs.gan_schema import SIZES, DigitsData, WaveGANConfig


def register_interpolations() -> None:
    """Make the names known to OmegaConf; may be called again."""
    from omegaconf import OmegaConf

    OmegaConf.register_resolver("generated_seconds", generated_seconds, replace=True)


def generated_seconds(*, _root_: Any) -> float | None:  # noqa: ANN401 - OmegaConf's node, and its name for it
    """Return the length of what the chosen generator of waveforms makes; for other models, the usual one of digits."""
    from omegaconf import OmegaConf

    rate = OmegaConf.select(_root_, "front_end.sample_rate")
    # Generators of spectrograms have sizes too, and frames in place of samples.
    if not issubclass(OmegaConf.get_type(_root_, "model") or object, WaveGANConfig) or rate <= 0:
        return DigitsData.seconds
    size, samples = (OmegaConf.select(_root_, f"model.{name}") for name in ("size", "n_samples"))
    return (SIZES[size][1] if samples is None else samples) / rate  # type: ignore[no-any-return]
