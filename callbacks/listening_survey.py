"""The validation split heard as a whole: relevance of each class, typical sound of each component."""

from typing import TYPE_CHECKING

import torch

from callbacks.listening_clips import SPLIT, chosen_clips, held_classes, sound_of
from interpretability.listening.survey import Survey
from models.explanation import explain
from models.recording import explain_recording
from report.explained import Excerpt

if TYPE_CHECKING:
    from datamodules.audio_datamodule import AudioDataModule
    from models.component_classifier import ComponentClassifier

BATCH = 16
"""Clips analysed at once."""


def survey_clips(
    model: "ComponentClassifier", datamodule: "AudioDataModule", count: int, excerpt_seconds: float
) -> Survey:
    """Hear at most `count` clips for the relevance of classes and the clearest place of each component."""
    clips, front_end = datamodule.dataset(SPLIT).clips, model.front_end.config
    width = max(1, round(excerpt_seconds * front_end.sample_rate / front_end.hop_length))
    survey = Survey(datamodule.n_classes, model.bottleneck.dictionary.shape[1], width)
    indices = chosen_clips(clips, datamodule.n_classes, count)
    for start in range(0, len(indices), BATCH):
        batch = datamodule.batch(SPLIT, indices[start : start + BATCH])
        said = explain(model, batch.waveform, batch.length)
        truth = torch.zeros(len(batch), datamodule.n_classes, dtype=torch.bool)
        for row, index in zip(truth, batch.index.tolist(), strict=True):
            row[list(held_classes(clips[index]))] = True
        survey.update(said, model.bottleneck.scale, batch.index, truth)
    return survey


def typical_sounds(
    model: "ComponentClassifier", datamodule: "AudioDataModule", survey: Survey, excerpt_seconds: float
) -> tuple[Excerpt, ...]:
    """Return the clearest stretch of each component, alone, as loud as the model hears it."""
    found, front_end = [], model.front_end.config
    length = round(excerpt_seconds * front_end.sample_rate)
    by_clip: dict[int, list[int]] = {}
    for component, place in survey.places.items():
        by_clip.setdefault(place.clip, []).append(component)
    for index, components in by_clip.items():
        said = explain_recording(model, sound_of(datamodule, index))
        sounds = said.component_sound(components)[0] / said.level[0]
        for component, sound in zip(components, sounds, strict=True):
            start = min(survey.places[component].frame * front_end.hop_length, max(0, len(sound) - length))
            samples = sound[start : start + length].cpu().numpy()
            clip = datamodule.clip(SPLIT, index).name
            found.append(Excerpt(component, clip, start / front_end.sample_rate, samples))
    return tuple(sorted(found, key=lambda excerpt: excerpt.component))
