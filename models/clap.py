"""Sounds and words in one space: CLAP (Wu et al. 2023) of a local folder, through the optional package transformers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchaudio.functional import resample

from configs.errors import InputError
from interpretability.dissection.concept_lists import spoken
from interpretability.dissection.concepts import Concepts
from interpretability.dissection.probe_set import ProbeSet
from models.published_weights import file_hash, read_folder_config

TEMPLATES = ("this is a sound of {}", "a recording of {}", "one can hear {}", "{}")
"""Sentences in which a concept's name is embedded; its vector is their mean."""

SHORTEST_REST = 1.0
"""Seconds from which what is left of a clip after its last whole window counts as a window."""


class Clap:
    """Vectors of unit length for clips and for words; their cosine says how well they fit.

    Clips longer than the model's window (10 s) are cut into windows, the vectors of which are averaged, where the
    package would pick one at random. Nothing is fetched from anywhere.

    Args:
        folder: of a checkpoint without fusion, such as laion/clap-htsat-unfused, with its tokenizer and
            feature extractor.
        resample_input: bring clips of another sample rate to the model's own (48 kHz); refuse them otherwise.
        device: where the model runs.

    Attributes:
        id: of the weights, for the keys of caches.
        sample_rate: that the model hears, in Hz.

    Raises:
        InputError: The package is not installed, or the folder holds no such checkpoint.
    """

    def __init__(self, folder: str | Path, resample_input: bool = True, device: torch.device | str = "cpu") -> None:
        self.folder = Path(folder).expanduser()
        self.model, self.extractor, self.tokenizer = load(self.folder)
        self.model = self.model.eval().requires_grad_(False).to(device)
        self.resample_input, self.device = resample_input, torch.device(device)
        self.sample_rate = int(self.extractor.sampling_rate)
        files = sorted([*self.folder.glob("*.safetensors"), *self.folder.glob("pytorch_model*.bin")])
        self.id = "clap-" + "-".join(file_hash(file)[:16] for file in files)

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str]) -> Tensor:
        """Vectors (M, D) of texts."""
        tokens = self.tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        inputs = {name: tokens[name].to(self.device) for name in ("input_ids", "attention_mask")}
        return unit(vectors_in(self.model.get_text_features(**inputs)))

    def embed_concepts(self, names: Sequence[str], templates: Sequence[str] = TEMPLATES) -> Tensor:
        """Vectors (M, D) of the names of concepts: the mean over sentences that have the name as words."""
        sentences = [template.format(spoken(name)) for name in names for template in templates]
        rows = self.embed_text(sentences)
        return unit(rows.reshape(len(names), len(templates), -1).mean(dim=1))

    @torch.inference_mode()
    def embed_audio(self, waveform: Tensor, sample_rate: int) -> Tensor:
        """Vector (D,) of a clip (N,).

        Raises:
            InputError: The clip has another sample rate, and `resample_input` is off.
        """
        if sample_rate != self.sample_rate:
            if not self.resample_input:
                raise InputError(
                    f"clap={self.folder}: the clips are at {sample_rate} Hz, the model hears {self.sample_rate} Hz; "
                    "resample them, or set resample_input=True"
                )
            waveform = resample(waveform.float(), sample_rate, self.sample_rate)
        windows = [part.cpu().numpy() for part in self.windows(waveform)]
        inputs = self.extractor(windows, sampling_rate=self.sample_rate, truncation="rand_trunc", return_tensors="pt")
        features = inputs["input_features"].to(self.device, self.model.dtype)
        found = self.model.get_audio_features(input_features=features, is_longer=inputs["is_longer"].to(self.device))
        return unit(unit(vectors_in(found)).mean(dim=0))

    def windows(self, waveform: Tensor) -> list[Tensor]:
        """Cut a clip into windows; a rest of less than a second is left out, unless it is all there is."""
        parts = list(torch.split(waveform, int(self.extractor.nb_max_samples)))
        short = len(parts) > 1 and len(parts[-1]) < SHORTEST_REST * self.sample_rate
        return parts[:-1] if short else parts

    def embed_probes(self, probe_set: ProbeSet) -> Tensor:
        """Vectors (N, D) of the clips of a probe set.

        Raises:
            InputError: It does not hold all its clips: only a share of them is in this process.
        """
        rows: dict[int, Tensor] = {}
        for batch in probe_set.batches():
            for waveform, length, index in zip(
                batch.waveform, batch.length.tolist(), batch.index.tolist(), strict=True
            ):
                rows[index] = self.embed_audio(waveform[:length], probe_set.sample_rate).float().cpu()
        if len(rows) != len(probe_set.names):
            raise InputError(f"clap={self.folder}: {len(rows)} of {len(probe_set.names)} clips are in this process")
        return torch.stack([rows[index] for index in range(len(rows))])


def clap_concepts(
    clap: Clap, probe_set: ProbeSet, names: Sequence[str], centred: bool = True, audio: Tensor | None = None
) -> Concepts:
    """Scores of concepts by an audio-text model.

    Args:
        clap: the model.
        probe_set: the clips.
        names: of the concepts.
        centred: take z over the clips for each concept: raw cosines differ more between concepts than between clips.
            Without it, the raw cosine, as the top-audio-based way of the paper has it.
        audio: (N, D), vectors of the clips where they are known already.

    Raises:
        InputError: As `Concepts` and `Clap.embed_probes`.
    """
    clips = clap.embed_probes(probe_set) if audio is None else audio
    scores = clips @ clap.embed_concepts(names).float().cpu().T
    if centred:
        spread = scores.std(dim=0, correction=0)
        scores = (scores - scores.mean(dim=0)) / torch.where(spread > 1e-6, spread, 1.0)
    return Concepts(tuple(names), scores, "score", "clap")


def unit(rows: Tensor) -> Tensor:
    """Vectors (..., D) at length 1."""
    return torch.nn.functional.normalize(rows, dim=-1)


def vectors_in(found: Any) -> Tensor:  # noqa: ANN401 - a tensor before transformers 5, an output object since
    """The vectors (B, D) that the package returns, bare or as `pooler_output`."""
    vectors: Tensor = getattr(found, "pooler_output", found)
    return vectors


def load(folder: Path) -> tuple[Any, Any, Any]:
    """Return model, feature extractor and tokenizer of a checkpoint folder.

    Raises:
        InputError: The package is not installed, there is no such folder, or it holds another kind of checkpoint.
    """
    try:
        import transformers
    except ImportError:
        raise InputError('concepts from clap need the package transformers: pip install "soundglass[clap]"') from None
    check_folder(folder)
    try:
        model, found = transformers.ClapModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
        extractor = transformers.ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # errors of safetensors, tokenizers and the package itself share no other class
        raise InputError(f"clap={folder}: cannot be loaded: {' '.join(str(error).split())[:200]}") from error
    for fault in ("missing_keys", "mismatched_keys"):
        if found.get(fault):
            first, count = sorted(map(str, found[fault]))[0], len(found[fault])
            raise InputError(f"clap={folder}: {first} is missing or of another shape ({count} such)")
    return model, extractor, tokenizer


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds no checkpoint of CLAP without fusion.

    Raises:
        InputError: Says what is wrong.
    """
    facts = read_folder_config(folder, "clap", "clap")
    if facts.get("audio_config", {}).get("enable_fusion"):
        raise InputError(f"clap={folder}: a checkpoint with fusion; give one without, such as clap-htsat-unfused")
