"""Every setting of the program as typed dataclasses; the groups live in the files imported here.

The sentence under a field is what `--help` prints. `Config()` alone is a complete default configuration.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from configs.backbone_schema import (
    BackboneConfig,
    BEATsConfig,
    Cnn14Config,
    PatchTransformerConfig,
    PretrainedConfig,
    SmallCNNConfig,
    SpectrogramTransformerConfig,
    VGGConfig,
    WaveformCNNConfig,
)
from configs.component_schema import (
    ByDesignConfig,
    ComponentsConfig,
    NMFConfig,
    NMFLinearConfig,
    TaskDrivenNMFConfig,
)
from configs.data_schema import (
    AudioFolderData,
    AugmentationConfig,
    DataConfig,
    Esc50Data,
    FrontEndConfig,
    OpenMicData,
    SoundScenesData,
)
from configs.interpreter_schema import InterpreterConfig, LMACConfig, PostHocConfig
from configs.model_schema import BlackBoxConfig, MaskedSpectrogramConfig, ModelConfig
from configs.training_schema import CallbackConfig, CallbacksConfig, LoggerConfig, OptimizerConfig, TrainerConfig

__all__ = [
    "AudioFolderData",
    "AugmentationConfig",
    "BEATsConfig",
    "BackboneConfig",
    "BlackBoxConfig",
    "ByDesignConfig",
    "CallbackConfig",
    "CallbacksConfig",
    "Cnn14Config",
    "ComponentsConfig",
    "Config",
    "DataConfig",
    "Esc50Data",
    "FrontEndConfig",
    "InterpreterConfig",
    "LMACConfig",
    "LoggerConfig",
    "MaskedSpectrogramConfig",
    "ModelConfig",
    "NMFConfig",
    "NMFLinearConfig",
    "OpenMicData",
    "OptimizerConfig",
    "PatchTransformerConfig",
    "PostHocConfig",
    "PretrainedConfig",
    "SmallCNNConfig",
    "SoundScenesData",
    "SpectrogramTransformerConfig",
    "TaskDrivenNMFConfig",
    "TrainerConfig",
    "VGGConfig",
    "WaveformCNNConfig",
]


def _callbacks() -> CallbacksConfig:
    from configs.registry import callbacks_type  # here, because the registry needs this file first

    return callbacks_type()()


@dataclass
class Config:
    """The whole configuration of a run."""

    experiment: str = "sound_scenes_by_design"
    """File of configs/experiment to start from, by name, or the path of a YAML file of your own."""
    seed: int = 0
    """Seed of weights, data order and augmentation."""
    output: str = "runs"
    """Folder in which run folders are made."""
    run_id: str | None = None
    """Name of the run folder; none makes one from the time and a few random letters."""
    resume: str | None = None
    """Run folder to continue exactly where its last checkpoint ended."""
    twin: bool = False
    """Whether to train the black-box twin too and put it beside the model."""
    plugins: list[str] = field(default_factory=list)
    """Python modules of your own that register datasets, backbones, models or callbacks."""
    data: DataConfig = field(default_factory=SoundScenesData)
    """Recordings and their splits."""
    front_end: FrontEndConfig = field(default_factory=FrontEndConfig)
    """Time-frequency analysis."""
    backbone: BackboneConfig = field(default_factory=SmallCNNConfig)
    """Network between features and maps."""
    model: ModelConfig = field(default_factory=ByDesignConfig)
    """Classifier."""
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    """Random changes of the training clips."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """Optimizer and its schedule."""
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    """Training loop."""
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    """Where the numbers go."""
    callbacks: CallbacksConfig = field(default_factory=_callbacks)
    """Instruments that watch the training."""

    def problems(self) -> Iterator[str]:
        """Yield one sentence per setting, or pair of settings, that cannot be used."""
        if not 0 <= self.seed < 2**32:
            yield f"seed={self.seed} must be at least 0 and below 2**32"
        if self.twin and self.model.name in ("black_box", "post_hoc", "lmac", "masked_spectrogram"):
            yield f"twin=true trains a black box beside the model; choose another model.name than {self.model.name}"
        if not getattr(self.data, "labelled", True) and getattr(self.model, "needs_labels", True):
            yield f"data.name={self.data.name} has no classes, which model.name={self.model.name} needs"
        yield from self.backbone.front_end_problems(self.front_end)
        yield from self.model.run_problems(self)
        instrument = self.trainer.monitor.partition("/")[0]
        settings = getattr(self.callbacks, instrument, None)
        if settings is not None and not settings.enabled:
            yield f"trainer.monitor={self.trainer.monitor} needs callbacks.{instrument}.enabled=true"
        elif settings is not None and getattr(settings, "every_n_epochs", 1) == 0:
            yield f"trainer.monitor={self.trainer.monitor} needs callbacks.{instrument}.every_n_epochs of at least 1"
        if self.run_id is not None and (not self.run_id or self.run_id in (".", "..") or "/" in self.run_id):
            yield f"run_id={self.run_id} must be the name of one folder, without '/'"
