"""Sources of concepts that need more than the data set: an audio-text model, captions, and the words in them."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from configs.concept_schema import ConceptSourceConfig
from configs.errors import CommandError, InputError
from interpretability.dissection.caption_embedding import Embed, NgramEmbedder
from interpretability.dissection.caption_words import word_concepts
from interpretability.dissection.captions import Captions, concepts_from_captions
from interpretability.dissection.concept_lists import concept_list, list_fingerprint
from interpretability.dissection.concepts import Concepts
from interpretability.dissection.open_vocabulary import AcousticFilter
from interpretability.dissection.probe_set import ProbeSet
from interpretability.dissection.vocabulary import ADJECTIVE_TAGS, rule_tags
from models.captioning import caption_clips, captions_from_file
from models.chat_endpoint import Endpoint
from models.concept_cache import cached_concepts, probe_fingerprint
from models.language_model import LanguageModelClient

GROUP = "callbacks.dissection.source"


def concepts_from(
    source: str,
    probe_set: ProbeSet,
    class_names: Sequence[str],
    settings: ConceptSourceConfig,
    cache: Path | None = None,
) -> Concepts:
    """Make the concepts of a probe set.

    Args:
        source: "clap", "captions" or "words".
        probe_set: all its clips in this process.
        class_names: of the data set, which are the concepts if the settings name no list.
        settings: of the sources.
        cache: folder for scores and answers where the settings name none.

    Raises:
        InputError: There is no such source, a setting it needs is missing, or it has nothing to give.
    """
    if source not in SOURCES:
        raise CommandError(f"no source of concepts {source!r}; known: {', '.join(SOURCES)}")
    names = concept_list(settings.names) if settings.names else tuple(class_names)
    folder = Path(settings.cache).expanduser() if settings.cache else cache
    return SOURCES[source](probe_set, names, settings, folder)


def from_clap(probe_set: ProbeSet, names: Sequence[str], settings: ConceptSourceConfig, cache: Path | None) -> Concepts:
    """Cosine of sound and name, as z over clips for each concept."""
    if settings.clap is None:
        raise CommandError(f"{GROUP}.clap is not set: give the local folder of a CLAP checkpoint")
    from models.clap import Clap, clap_concepts

    clap = Clap(settings.clap)
    made_of = ("clap", clap.id, probe_fingerprint(probe_set), list_fingerprint(names))
    return cached_concepts(cache, made_of, lambda: clap_concepts(clap, probe_set, names))


def from_captions(
    probe_set: ProbeSet, names: Sequence[str], settings: ConceptSourceConfig, cache: Path | None
) -> Concepts:
    """Probability of each name given the caption (the paper's description-based way)."""
    captions = captions_of(probe_set, settings, cache)
    embed = embedder(settings, captions, names)
    return marked(captions, lambda: concepts_from_captions(captions, names, embed))


def from_words(
    probe_set: ProbeSet, names: Sequence[str], settings: ConceptSourceConfig, cache: Path | None
) -> Concepts:
    """The words of the captions themselves; adjectives that a language model says are not of sound are left out."""
    captions = captions_of(probe_set, settings, cache)
    if settings.endpoint is None:
        return marked(captions, lambda: word_concepts(captions))
    acoustic = AcousticFilter(language_model(settings, cache))

    def wanted(word: str) -> bool:
        return rule_tags([word])[0] not in ADJECTIVE_TAGS or acoustic(word)

    return marked(captions, lambda: word_concepts(captions, keep=wanted))


def marked(captions: Captions, make: Callable[[], Concepts]) -> Concepts:
    """Make concepts of captions; they, or the error that there are none, say which captions are missing and why.

    Raises:
        InputError: Of `make`.
    """
    try:
        return dataclasses.replace(make(), problem=captions.problem)
    except InputError as error:
        raise InputError(f"{error}; {captions.problem}" if captions.problem else str(error)) from error


SOURCES: dict[str, Callable[[ProbeSet, Sequence[str], ConceptSourceConfig, Path | None], Concepts]] = {
    "clap": from_clap,
    "captions": from_captions,
    "words": from_words,
}
"""Name -> source."""


def captions_of(probe_set: ProbeSet, settings: ConceptSourceConfig, cache: Path | None) -> Captions:
    """Captions of the clips: from the file that the settings name, or asked of the endpoint.

    Raises:
        InputError: Neither is named, a clip has no caption in the file, or the endpoint answered nothing at all.
    """
    if settings.captions is not None:
        return captions_from_file(settings.captions, probe_set.names)
    return caption_clips(probe_set, language_model(settings, cache))


def language_model(settings: ConceptSourceConfig, cache: Path | None) -> LanguageModelClient:
    """The client of the endpoint that the settings name.

    Raises:
        CommandError: They name none.
    """
    if settings.endpoint is None:
        raise CommandError(f"{GROUP}.captions or {GROUP}.endpoint: give a file of captions, or who writes them")
    endpoint = Endpoint(
        settings.endpoint,
        settings.model,
        settings.key_variable,
        timeout=settings.timeout,
        max_calls=settings.max_calls,
    )
    return LanguageModelClient(endpoint, cache)


def embedder(settings: ConceptSourceConfig, captions: Captions, names: Sequence[str]) -> Embed:
    """How captions and names are compared."""
    if settings.embedder == "minilm":
        from models.sentence_encoder import SentenceEncoder

        return SentenceEncoder()
    return NgramEmbedder([*captions.of(range(len(captions))), *names])
