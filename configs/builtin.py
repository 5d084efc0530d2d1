"""The components that come with the program, in one table."""

from configs.callback_schema import FaithfulnessConfig, ListeningConfig
from configs.registry import register
from configs.schema import (
    AudioFolderData,
    BlackBoxConfig,
    ByDesignConfig,
    Cnn14Config,
    Esc50Data,
    LMACConfig,
    NMFLinearConfig,
    OpenMicData,
    PostHocConfig,
    SmallCNNConfig,
    SoundScenesData,
    SpectrogramTransformerConfig,
    TaskDrivenNMFConfig,
    VGGConfig,
)

register("dataset", "sound_scenes", SoundScenesData, "datamodules.sound_scenes:SoundScenes")
register("dataset", "esc50", Esc50Data, "datamodules.esc50:Esc50")
register("dataset", "audio_folder", AudioFolderData, "datamodules.audio_folder:AudioFolder")
register("dataset", "openmic", OpenMicData, "datamodules.openmic:OpenMic")

register("backbone", "small_cnn", SmallCNNConfig, "models.backbones:SmallCNN")
register("backbone", "vgg", VGGConfig, "models.vgg:VGG")
register("backbone", "cnn14", Cnn14Config, "models.cnn14:Cnn14")
register(
    "backbone",
    "spectrogram_transformer",
    SpectrogramTransformerConfig,
    "models.spectrogram_transformer:SpectrogramTransformer",
)

register("model", "by_design", ByDesignConfig, "models.by_design:ByDesignClassifier")
register("model", "black_box", BlackBoxConfig, "models.black_box:BlackBoxClassifier")
register("model", "nmf_linear", NMFLinearConfig, "models.nmf_classifier:NMFClassifier")
register("model", "task_driven_nmf", TaskDrivenNMFConfig, "models.nmf_classifier:NMFClassifier")
register("model", "post_hoc", PostHocConfig, "models.post_hoc:PostHocInterpreter")
register("model", "lmac", LMACConfig, "models.lmac:ListenableMaps")

register("callback", "faithfulness", FaithfulnessConfig, "callbacks.faithfulness:FaithfulnessCallback")
register("callback", "listening", ListeningConfig, "callbacks.listening:ListeningCallback")
