"""What models that explain a frozen classifier start from: the classifier, and the layers they read."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from configs.schema import InterpreterConfig
from models.classifier import AudioClassifier
from models.classifier_sources import load_frozen, rebuild
from models.frozen_classifier import FrozenClassifier
from models.layer_taps import LayerTaps, find_taps

USUAL_SECONDS = 5.0
"""Length of the clip on which a classifier is tried where the data has clips of any length."""


def open_classifier(
    interpreter: AudioClassifier[Any],
    settings: InterpreterConfig,
    classifier: nn.Module | None = None,
    explained: Mapping[str, Any] | None = None,
) -> tuple[FrozenClassifier, LayerTaps]:
    """Load the classifier that an interpreter explains, check it against the run's data, and find its layers.

    How to load it again is kept among the interpreter's hyper-parameters, as `explained`.

    Args:
        interpreter: its configuration, class names and front end are those of the run.
        settings: what is explained and read.
        classifier: network to explain, in place of what `model.explains` names.
        explained: how a checkpoint describes its classifier, in place of both.

    Raises:
        InputError: A classifier that cannot be loaded, was trained for other data or another front end, returns no
            logits, or has no such layers.
    """
    config = interpreter.config
    if explained is not None:
        frozen = rebuild(explained, str(settings.explains))
    else:
        source = classifier if classifier is not None else str(settings.explains)
        foreign = settings.classifier_class, settings.classifier_rate
        frozen = load_frozen(source, *foreign, interpreter.multi_label, settings.classifier_outputs)
    interpreter.hparams["explained"] = frozen.origin
    n_samples = round((config.data.seconds or USUAL_SECONDS) * config.front_end.sample_rate)
    if explained is None:
        frozen.check(interpreter.front_end, interpreter.class_names, interpreter.multi_label, n_samples)
    return frozen, find_taps(frozen, settings.layers, n_samples)
