"""The components that come with the program, in one table."""

from configs.callback_schema import FaithfulnessConfig, ListeningConfig
from configs.dataset_schema import GtzanData, MtgJamendoData, SonycUstData, UrbanSound8KData
from configs.dissection_schema import DissectionConfig
from configs.explanation_fid_schema import ExplanationFidConfig
from configs.gan_schema import (
    CiwGANConfig,
    DigitsData,
    FiwGANConfig,
    PreviewsConfig,
    SyntheticWordsData,
    WaveGANConfig,
)
from configs.gan_spectrogram_schema import MusicFolderData, SpectrogramGANConfig, SpectrogramVAEConfig
from configs.jamendo_schema import JamendoData, SingingVoiceBackboneConfig, SingingVoiceConfig
from configs.layer_probes_schema import LayerProbesConfig
from configs.registry import register
from configs.schema import (
    AudioFolderData,
    BEATsConfig,
    BlackBoxConfig,
    ByDesignConfig,
    Cnn14Config,
    Esc50Data,
    LMACConfig,
    MaskedSpectrogramConfig,
    NMFLinearConfig,
    OpenMicData,
    PostHocConfig,
    SmallCNNConfig,
    SoundScenesData,
    SpectrogramTransformerConfig,
    TaskDrivenNMFConfig,
    VGGConfig,
    WaveformCNNConfig,
)

register("dataset", "sound_scenes", SoundScenesData, "datamodules.sound_scenes:SoundScenes")
register("dataset", "esc50", Esc50Data, "datamodules.esc50:Esc50")
register("dataset", "audio_folder", AudioFolderData, "datamodules.audio_folder:AudioFolder")
register("dataset", "openmic", OpenMicData, "datamodules.openmic:OpenMic")
register("dataset", "urbansound8k", UrbanSound8KData, "datamodules.urbansound8k:UrbanSound8K")
register("dataset", "sonyc_ust", SonycUstData, "datamodules.sonyc_ust:SonycUst")
register("dataset", "gtzan", GtzanData, "datamodules.gtzan:Gtzan")
register("dataset", "mtg_jamendo", MtgJamendoData, "datamodules.mtg_jamendo:MtgJamendo")
register("dataset", "digits", DigitsData, "datamodules.digits:Digits")
register("dataset", "synthetic_words", SyntheticWordsData, "datamodules.synthetic_words:SyntheticWords")
register("dataset", "music_folder", MusicFolderData, "datamodules.music_folder:MusicFolder")
register("dataset", "jamendo", JamendoData, "datamodules.jamendo:Jamendo")

register("backbone", "small_cnn", SmallCNNConfig, "models.backbones:SmallCNN")
register("backbone", "vgg", VGGConfig, "models.vgg:VGG")
register("backbone", "cnn14", Cnn14Config, "models.cnn14:Cnn14")
register(
    "backbone",
    "spectrogram_transformer",
    SpectrogramTransformerConfig,
    "models.spectrogram_transformer:SpectrogramTransformer",
)
register("backbone", "beats", BEATsConfig, "models.beats:BEATs")
register("backbone", "waveform_cnn", WaveformCNNConfig, "models.waveform_cnn:WaveformCNN")
register(
    "backbone",
    "singing_voice",
    SingingVoiceBackboneConfig,
    "models.singing_voice_network:SingingVoiceNetwork",
)

register("model", "by_design", ByDesignConfig, "models.by_design:ByDesignClassifier")
register("model", "black_box", BlackBoxConfig, "models.black_box:BlackBoxClassifier")
register("model", "nmf_linear", NMFLinearConfig, "models.nmf_classifier:NMFClassifier")
register("model", "task_driven_nmf", TaskDrivenNMFConfig, "models.nmf_classifier:NMFClassifier")
register("model", "post_hoc", PostHocConfig, "models.post_hoc:PostHocInterpreter")
register("model", "masked_spectrogram", MaskedSpectrogramConfig, "models.masked_spectrogram:MaskedSpectrogram")
register("model", "lmac", LMACConfig, "models.lmac:ListenableMaps")
register("model", "singing_voice", SingingVoiceConfig, "models.singing_voice:SingingVoiceClassifier")
register("model", "wavegan", WaveGANConfig, "models.wavegan_training:WaveGANTraining")
register("model", "ciwgan", CiwGANConfig, "models.wavegan_training_codes:CiwGANTraining")
register("model", "fiwgan", FiwGANConfig, "models.wavegan_training_codes:FiwGANTraining")
register("model", "spectrogram_gan", SpectrogramGANConfig, "models.spectrogram_gan_training:SpectrogramGANTraining")
register("model", "spectrogram_vae", SpectrogramVAEConfig, "models.spectrogram_vae_training:SpectrogramVAETraining")

register("callback", "faithfulness", FaithfulnessConfig, "callbacks.faithfulness:FaithfulnessCallback")
register("callback", "dissection", DissectionConfig, "callbacks.dissection:DissectionCallback")
register("callback", "explanation_fid", ExplanationFidConfig, "callbacks.explanation_fid:ExplanationFid")
register("callback", "layer_probes", LayerProbesConfig, "callbacks.layer_probes:LayerProbesCallback")
register("callback", "listening", ListeningConfig, "callbacks.listening:ListeningCallback")
register("callback", "previews", PreviewsConfig, "callbacks.generator_previews:GeneratorPreviews")
