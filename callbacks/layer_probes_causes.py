"""Where a generator makes what: every latent's small push, latents that control a property, copies in the layers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from callbacks.layer_probes_hearing import Hearing
from callbacks.layer_probes_moved import binned, made, triple
from callbacks.layer_probes_moves import Move
from callbacks.layer_probes_subject import LATENT_SEED, Subject
from configs.errors import InputError
from interpretability.acoustics.sound_parts import sound_parts
from interpretability.isolation import evaluation_mode
from interpretability.layers.capture import LayerCapture
from interpretability.layers.controlling_variable import controlling_variables
from interpretability.layers.copying import copying
from interpretability.layers.effects import mean_band
from interpretability.layers.forward_derivative import forward_derivative
from interpretability.layers.generator_run import SOUND
from models.gan_generators import GeneratorTraining

PUSHED = 16
"""Starting points from which every latent is pushed."""
LABELLED = 512
"""Sounds that are labelled to find the latents that control a property."""
LONG = 0.03
"""Seconds of tone or noise from which a sound has it."""
COPIED = 64
"""Sounds of two stretches whose layers are compared."""
Row = dict[str, Any]


def latent_name(model: GeneratorTraining, latent: int) -> str:
    """Return "code 0" for what is a code, "latent 11" for the others."""
    n_codes = 0 if model.codes is None else model.codes.n_variables
    return f"code {latent}" if latent < n_codes else f"latent {latent}"


@torch.no_grad()
def derivatives(model: GeneratorTraining, subject: Subject, moves: Sequence[Move]) -> Row:
    """Return how strongly each layer answers each latent, and when it answers those of the moves."""
    random = torch.Generator().manual_seed(LATENT_SEED + 2)
    found = forward_derivative(subject.network, subject.layers, model.latents(PUSHED, random=random)[0])
    shown = dict.fromkeys(latent for move in moves for latent in move.latents)
    rate, maps = subject.sample_rate, []
    for latent in shown:
        rows = []
        for layer in subject.layers:
            clock = subject.clocks[layer]
            drawn, step = binned(found.series[layer][:, latent].double(), clock, rate)
            mean, low, high = mean_band(drawn)
            start = float(clock.centre) / rate
            bands = {"mean": mean.tolist(), "low": low.tolist(), "high": high.tolist()}
            is_level = step > float(clock.jump) / rate
            rows.append({"layer": layer, "start": start, "step": step, "is_level": is_level, **bands})
        maps.append({"latent": latent, "name": latent_name(model, latent), "layers": rows})
    strength = {layer: found.strength(layer).tolist() for layer in found.series}
    names = [latent_name(model, latent) for latent in found.latents]
    note = "" if SOUND in found.series else "Derivatives end at the layers: the sound is vocoded, and has none."
    return {"n": PUSHED, "names": names, "strength": strength, "maps": maps, "note": note}


@torch.no_grad()
def controls(model: GeneratorTraining, subject: Subject, count: int = LABELLED) -> list[Row]:
    """Return the latents that decide whether a sound has tone, has noise, and is said twice."""
    latents, _ = model.latents(count, random=torch.Generator().manual_seed(LATENT_SEED + 3))
    sound = made(subject, latents)
    found, _ = sound_parts(sound, torch.full((count,), sound.shape[1]), subject.sample_rate)
    long = found["sound"].median()
    asked = {
        f"tone of {1000 * LONG:g} ms or more": found["tone"] >= LONG - 1e-9,
        f"noise of {1000 * LONG:g} ms or more": found["noise"] >= LONG - 1e-9,
        "two stretches of sound or more": found["stretches"] >= 2,
        f"more than {float(long):.2f} s of sound": found["sound"] > long,
    }
    rows = []
    for name, has in asked.items():
        row: Row = {"property": name, "n": count, "positive": int(has.sum())}
        try:
            control = controlling_variables(latents.cpu(), has)
        except InputError as error:
            rows.append(row | {"problem": str(error)})
            continue
        chosen = [
            {
                "latent": latent,
                "name": latent_name(model, latent),
                "frequency": float(control.frequency[latent]),
                "sign": int(control.sign[latent]),
            }
            for latent in control.chosen
        ]
        rows.append(row | {"chosen": chosen, "expected_false": control.expected_false})
    return rows


@torch.no_grad()
def copies(subject: Subject, now: Hearing, latents: Tensor) -> Row:
    """Compare the first two stretches of the sounds that have two, layer by layer, with stretches of other sounds."""
    _, runs = sound_parts(now.sound, now.length, subject.sample_rate)
    rows = [number for number, run in enumerate(runs) if len(run) >= 2][:COPIED]
    if len(rows) < 4:
        return {"n": len(rows), "why": f"{len(rows)} of {len(runs)} sounds have two stretches; four are needed"}
    pairs = torch.stack([runs[number][:2] for number in rows])
    seconds = float((pairs[..., 1] - pairs[..., 0]).amin(dim=1).quantile(0.25))
    within = float(now.sound.shape[1]) / subject.sample_rate - seconds
    starts = pairs[..., 0].clamp_max(within)
    given = latents[rows].to(subject.device)
    found = []
    with evaluation_mode(subject.network), LayerCapture(subject.network, subject.layers) as maps:
        subject.network(given)
        for layer in subject.layers:
            flat = maps[layer].flatten(1, 2).cpu()
            one = copying(layer, flat, subject.clocks[layer], subject.sample_rate, starts, seconds)
            found.append({"layer": layer, "unheard": one.unheard} | compared(one))
    return {"n": len(rows), "seconds": seconds, "sounds": "its own sounds of two stretches", "rows": found}


def compared(one: Any) -> Row:  # noqa: ANN401 - a Copying
    """Return the figures of one layer as plain data."""
    return {"same": triple(one.same), "different": triple(one.different), "copied": triple(one.copied)}
