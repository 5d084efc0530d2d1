"""Settings of the Jamendo corpus and of the singing-voice network. The sentence under a field is its `--help`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from configs.backbone_schema import PretrainedConfig
from configs.checks import above_zero, at_least, below_one
from configs.data_schema import DataConfig, FrontEndConfig
from configs.model_schema import ModelConfig

EXCERPT = 115
"""Frames that the singing-voice network hears at once."""


@dataclass
class JamendoData(DataConfig):
    """Jamendo singing voice: 93 songs with sung and unsung segments, official split; an excerpt for each frame."""

    name: str = "jamendo"
    """Dataset, by its registered name."""
    seconds: float | None = 2.4
    """Length in seconds of an excerpt, around the frame that gives its label."""
    frame_rate: int = 70
    """Labelled frames per second."""
    train_step: int = 1
    """Frames between the centres of training excerpts; 1 takes one for each frame."""
    evaluation_step: int | None = None
    """Frames between the centres of validation and test excerpts; none puts them side by side."""
    url: str = "http://www.mathieuramona.com/uploads/Main"
    """Address of the publisher's archives, read only with data.download=true."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "data", 1, ("frame_rate", "train_step", "evaluation_step"))
        if self.seconds is None:
            yield "data.name=jamendo needs data.seconds, the length of an excerpt"
        if self.root is None:
            yield "data.root is needed by data.name=jamendo: give the folder of the corpus, or one to download it to"


@dataclass
class SingingVoiceBackboneConfig(PretrainedConfig):
    """The trunk of Schlueter and Grill (2015): four convolutions and two dense layers on 115 frames."""

    from_run = True  # nobody publishes weights for it

    name: str = "singing_voice"
    """Network between features and maps, by its registered name."""
    width: int = 64
    """Channels of the first convolution; 64 is the published size, all other layers grow with it."""
    dropout: float = 0.5
    """Share of values dropped before each dense layer while training."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from super().problems()
        yield from at_least(self, "backbone", 2, ("width",))
        yield from below_one(self, "backbone", ("dropout",))
        if self.width % 2:
            yield f"backbone.width={self.width} must be even"

    def front_end_problems(self, front_end: FrontEndConfig) -> Iterator[str]:
        """Yield one sentence per front-end setting that this backbone cannot be used with."""
        yield from super().front_end_problems(front_end)
        if front_end.n_mels < 25:
            yield f"backbone.name=singing_voice needs front_end.n_mels of at least 25, got {front_end.n_mels}"


@dataclass
class SingingVoiceConfig(ModelConfig):
    """Singing voice or none, trained as Schlueter and Grill (2015) do; figures of whole recordings, frame by frame."""

    name: str = "singing_voice"
    """Classifier, by its registered name."""
    outputs: int = 1
    """Output units: 1 with a sigmoid, or 2 with a softmax."""
    label_smoothing: float = 0.04
    """Share of each target spread evenly over both classes: 0.04 turns 0 and 1 into 0.02 and 0.98."""
    learning_rate: float = 0.01
    """Learning rate of stochastic gradient descent with Nesterov's momentum in the first epoch."""
    momentum: float = 0.95
    """Nesterov's momentum."""
    decay: float = 0.85
    """Factor of the learning rate from one epoch to the next."""
    stretch: float = 0.3
    """Largest change of tempo of a training excerpt, as a share of it."""
    pitch_shift: float = 0.3
    """Largest change of frequency of a training excerpt, as a share of it."""
    filter_db: float = 10.0
    """Largest gain or loss in dB of a random band of a training excerpt."""
    smoothing: int = 56
    """Frames of the median filter through which the answers for a whole recording go (0.8 s)."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from at_least(self, "model", 1, ("outputs", "smoothing"))
        yield from at_least(self, "model", 0, ("filter_db",))
        yield from above_zero(self, "model", ("learning_rate", "decay"))
        yield from below_one(self, "model", ("label_smoothing", "momentum", "stretch", "pitch_shift"))
        if self.outputs > 2:
            yield f"model.outputs={self.outputs} must be 1 or 2"

    def run_problems(self, config: Any) -> Iterator[str]:  # noqa: ANN401 - configs.schema imports this module's base
        """Yield one sentence per setting of another group that this model cannot be used with."""
        front_end, data = config.front_end, config.data
        if config.backbone.name != "singing_voice":
            yield f"model.name={self.name} needs backbone.name=singing_voice, not {config.backbone.name}"
        if config.twin:
            yield f"twin=true trains a black box beside an interpretable model; model.name={self.name} is a black box"
        if config.augmentation.enabled:
            yield f"augmentation.enabled=true: model.name={self.name} changes its excerpts by itself; set it to false"
        if front_end.features != "ln_mel":
            yield f"model.name={self.name} needs front_end.features=ln_mel, not {front_end.features}"
        if front_end.normalize != "none":
            yield f"model.name={self.name} hears excerpts as loud as they are: set front_end.normalize=none"
        rate = getattr(data, "frame_rate", None)
        if rate is not None and rate * front_end.hop_length != front_end.sample_rate:
            yield (
                f"data.frame_rate={rate} needs front_end.hop_length={front_end.sample_rate // rate} at "
                f"front_end.sample_rate={front_end.sample_rate}: one frame for each label"
            )
        heard = round((data.seconds or 0) * front_end.sample_rate) // front_end.hop_length + 1
        if data.seconds is not None and heard < (needed := self.frames_needed):
            seconds = (needed - 1) * front_end.hop_length / front_end.sample_rate
            yield f"data.seconds={data.seconds:g} gives {heard} frames, {needed} are needed: set it to {seconds:.6g}"

    @property
    def frames_needed(self) -> int:
        """Frames of an excerpt of which 115 are left after the fastest change of tempo."""
        return int(EXCERPT / (1 - self.stretch)) if 0 < self.stretch < 1 else EXCERPT
