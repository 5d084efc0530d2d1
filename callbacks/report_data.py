"""Models and interpretations as the plain arrays that the report reads."""

import numpy as np
from torch import Tensor

from interpretability.listening.interpretation import Interpretation, normalise
from interpretability.listening.survey import Survey
from models.component_classifier import ComponentClassifier
from models.temporal_pooling import AttentionPooling
from report.explained import Excerpt, ExplainedClasses, ExplainedClip, ExplainedModel


def explained_model(model: ComponentClassifier, experiment: str, run_id: str) -> ExplainedModel:
    """Return what turns activations of this model into sound and scores."""
    head = model.bottleneck
    attention = None
    if isinstance(head.pooling, AttentionPooling):
        attention = {name: _array(value) for name, value in head.pooling.state_dict().items()}
    return ExplainedModel(
        experiment=experiment,
        run_id=run_id,
        class_names=model.class_names,
        multi_label=model.multi_label,
        front_end=model.front_end.settings,
        dictionary=_array(head.dictionary),
        scale=_array(head.scale),
        weight=_array(head.weight),
        prior=None if head.prior is None else _array(head.prior),
        pooling=model.settings.pooling,
        statistic_names=head.statistic_names,
        attention=attention,
        attention_from=model.settings.attention_from,
    )


def explained_clip(
    said: Interpretation, waveform: Tensor, name: str, split: str, target: tuple[int, ...] | None, note: str = ""
) -> ExplainedClip:
    """Return one explained clip, `waveform` (N,) at its own level, for the report."""
    if len(said) != 1:
        raise ValueError(f"{len(said)} clips where one is explained")
    n_samples = said.n_samples
    if not bool(said.agreed[0]):
        others = ", ".join(said.predictions[0]) or "no class"
        note = "; ".join(filter(None, (note, f"the classifier itself says {others}: the components do not explain it")))
    return ExplainedClip(
        name=name,
        split=split,
        waveform=_array(waveform[:n_samples] / said.level[0].clamp_min(1e-30).to(waveform)),
        activations=_array(said.activations[0]),
        logits=_array(said.logits[0]),
        target=target,
        n_frames=said.activations.shape[-1],
        note=note,
        windows=said.windows if len(said.windows) > 1 else (),
        relevance=_array(normalise(said.relevance[0])),
    )


def explained_classes(survey: Survey, typical: tuple[Excerpt, ...], split: str) -> ExplainedClasses:
    """Return the global view of a survey."""
    count = survey.relevance.count.numpy().astype(np.int64)
    relevance = survey.relevance.mean.numpy()
    relevance[count == 0] = np.nan
    return ExplainedClasses(
        relevance=relevance,
        n_predicted=count,
        split=split,
        typical=typical,
        accuracy=survey.recall.numpy(),
        n_true=survey.held.numpy(),
        note=f"{survey.n_clips} clips of the {split} split",
    )


def _array(tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return tensor.detach().float().cpu().numpy().copy()
