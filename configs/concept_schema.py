"""Settings of the sources of concepts beyond the labels. The sentence under a field is what `--help` prints."""

from collections.abc import Iterator
from dataclasses import dataclass

from configs.checks import above_zero, at_least

LISTS = ("esc50", "gtzan", "urbansound8k")
EMBEDDERS = ("ngrams", "minilm")


@dataclass
class ConceptSourceConfig:
    """Where the scores of concepts come from when units are not named by labels or descriptors."""

    names: str = ""
    """List of concepts: esc50, gtzan or urbansound8k; empty takes the classes of the data set."""
    clap: str | None = None
    """Local folder of a CLAP checkpoint, for clap (extra clap)."""
    captions: str | None = None
    """CSV or JSON file with a caption of each clip, for captions and words; none asks the endpoint."""
    embedder: str = "ngrams"
    """How captions and names are compared: ngrams (spelling) or minilm (meaning; extra text)."""
    endpoint: str | None = None
    """Address of an OpenAI-compatible endpoint up to /v1, for captions without a file and for filtered words."""
    model: str = ""
    """Name of the model at the endpoint."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable with the endpoint's key; none is sent where it is not set."""
    max_calls: int = 1000
    """Requests that may be sent to the endpoint in a run; what is cached costs nothing."""
    timeout: float = 60.0
    """Seconds to wait for an answer."""
    cache: str | None = None
    """Folder for answers and scores that are computed once; none keeps them for this run only."""

    def problems(self, group: str = "callbacks.dissection.source") -> Iterator[str]:
        """Yield one sentence per setting that cannot be used."""
        yield from at_least(self, group, 1, ("max_calls",))
        yield from above_zero(self, group, ("timeout",))
        if self.names and self.names not in LISTS:
            yield f"{group}.names={self.names} must be empty or one of {', '.join(LISTS)}"
        if self.embedder not in EMBEDDERS:
            yield f"{group}.embedder={self.embedder} must be one of {', '.join(EMBEDDERS)}"
        if self.endpoint is not None and not self.endpoint.startswith(("http://", "https://")):
            yield f"{group}.endpoint={self.endpoint} must begin with http:// or https://"
        if self.endpoint and not self.model:
            yield f"{group}.model must name the model at {group}.endpoint={self.endpoint}"
