"""What units ask for as entries of Weights & Biases: tables of sounds and of settings, pictures of each unit."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from callbacks.generation_files import at_full_scale
from callbacks.generation_ground import SearchGround
from callbacks.generation_result import UnitGenerations
from callbacks.listening_media import Entries
from callbacks.media import GAP, Picture

SOUNDS = (
    "point",
    "unit",
    "aim",
    "kernel distance",
    "activation",
    "prior",
    "generated",
    "real clip",
    "nearest real excerpt",
)
LANES = (
    *("point", "unit", "setting", "chosen", "n", "median activation", "in range", "kernel distance", "kernel low"),
    *("kernel high", "Frechet distance", "floor", "Frechet of activations", "density", "coverage", "recognised"),
)


def entries_of(
    found: Sequence[UnitGenerations], ground: SearchGround, point: str, scale: tuple[float, float]
) -> Entries:
    """Entries of one point, pictures on the `scale` of the run; not made where Weights & Biases is off."""

    def entries(wandb: Any) -> dict[str, Any]:  # noqa: ANN401 - the module
        sounds = [[point, *sound_row(wandb, one, ground)] for one in found]
        lanes = [[point, *row] for one in found for row in lane_rows(one)]
        made: dict[str, Any] = {
            "explanation_fid/sounds": wandb.Table(columns=list(SOUNDS), data=sounds),
            "explanation_fid/lanes": wandb.Table(columns=list(LANES), data=lanes),
        }
        range_ = f"{scale[0]:.2g} to {scale[1]:.2g} in units of {ground.network.drawn_unit}"
        for one in found:
            caption = f"{one.unit.name}: not searched, generated, nearest real excerpt; {range_}"
            made[f"explanation_fid/panel/{one.key}"] = wandb.Image(panels(one, ground, scale), caption=caption)
        return made

    return entries


def sound_row(wandb: Any, one: UnitGenerations, ground: SearchGround) -> list[Any]:  # noqa: ANN401 - the module
    """One row of the table of sounds: the first example and its nearest real excerpt."""
    real = ground.excerpts.waveform(int(one.nearest[0]))
    rate = ground.excerpts.datamodule.sample_rate
    clip = ground.excerpts.name(int(one.nearest[0]))
    return [
        *(one.unit.name, one.aim, one.choice.score.kernel, float(one.activation[0]), ground.prior_note),
        wandb.Audio(at_full_scale(one.waveform[0]), sample_rate=one.sample_rate),
        clip,
        wandb.Audio(at_full_scale(real), sample_rate=rate),
    ]


def lane_rows(one: UnitGenerations) -> list[list[Any]]:
    """Return all settings of a unit, and the ceiling."""
    return [
        [
            *(one.unit.name, s.name, s is one.choice.score, s.n, s.median, s.in_range, s.kernel, s.kernel_low),
            *(s.kernel_high, s.layer, s.floor, s.scalar, s.density, s.coverage, s.recognised),
        ]
        for s in (*one.scores, one.ceiling)
    ]


def panels(one: UnitGenerations, ground: SearchGround, scale: tuple[float, float]) -> Picture:
    """Latents as drawn, what was generated, and the nearest real excerpt (M, 3 T + gaps, 3), all on one scale."""
    import matplotlib

    low, high = scale
    shades = matplotlib.colormaps["magma"]
    parts: list[Picture] = []
    for excerpt in (one.start_features[0], one.features[0], ground.excerpts.inputs[int(one.nearest[0])]):
        features = ground.network.drawn(excerpt[None]).cpu()
        image = features.reshape(-1, *features.shape[-2:])[0].float().numpy()[::-1]
        drawn: Picture = shades(np.clip((image - low) / (high - low), 0, 1), bytes=True)[..., :3]
        drawn = np.repeat(np.repeat(drawn, 2, axis=0), 2, axis=1)
        parts += [drawn, np.full((drawn.shape[0], GAP, 3), 255, dtype=np.uint8)]
    return np.concatenate(parts[:-1], axis=1)
