"""What is asked of a language model and what comes back, the same for every provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol


class Purpose(StrEnum):
    """What a model is wanted for; a tenant may choose another model for each."""

    CHAT = "chat"
    CLASSIFY = "classify"
    REWRITE = "rewrite"
    SUMMARISE = "summarise"
    EMBED = "embed"
    TRANSCRIBE = "transcribe"
    VISION = "vision"


class Provider(StrEnum):
    """Who answers; those that are not built yet are refused by the factory."""

    OPENAI = "openai"
    GEMINI = "gemini"
    DEEPSEEK = "deepseek"
    ANTHROPIC = "anthropic"
    OPENAI_COMPATIBLE = "openai_compatible"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that the model may ask for.

    Args:
        parameters: JSON schema of the arguments, an object.
    """

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model asks for; code decides whether it happens.

    Args:
        arguments: JSON text as the model wrote it, unchecked.
        signature: opaque; some providers want it back with the call.
    """

    call_id: str
    name: str
    arguments: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A retrieved passage, as data.

    Args:
        ref: opaque; comes back in `ChatResult.evidence_refs`.
        text: the passage.
        source: shown to people, such as ``"manual.pdf, p. 3"``.
        title: the heading or the question above the passage; may be empty.
    """

    ref: str
    text: str
    source: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that the model is shown.

    Args:
        media_type: ``image/jpeg``, ``image/png``, ``image/webp`` or ``image/gif``.
    """

    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the prompt; `tool_call_id` is set where the role is ``tool``."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One call of a chat model.

    Args:
        messages: the whole prompt; what a remote model sees.
        model: overrides the configured model; empty for that one.
        max_output_tokens: upper bound of the answer.
        response_schema: JSON schema that the answer must follow; None for free text.
        evidence: the same passages as in the prompt; `offline` answers from these.
        question: what the contact asked; `offline` answers this.
        language: of the answer, such as ``"pt-br"``.
        timeout_s: for the whole chain of tries, in seconds.
        confidence: the retriever's probability that `evidence` answers; None if not measured.
        unsure: the retriever cannot tell whether `evidence` answers; who cannot read asks back.
        stream: ask the provider to stream, also where the caller waits for the whole.
        purpose: what it is for; decides whose model it is and stands in the ledger.
    """

    messages: tuple[ChatMessage, ...]
    model: str = ""
    tools: tuple[ToolSpec, ...] = ()
    max_output_tokens: int = 600
    temperature: float = 0.2
    response_schema: Mapping[str, object] | None = None
    evidence: tuple[Evidence, ...] = ()
    question: str = ""
    language: str = "pt-br"
    timeout_s: float = 20.0
    confidence: float | None = None
    unsure: bool = False
    stream: bool = False
    purpose: Purpose = Purpose.CHAT


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None means not measured, never zero.

    Args:
        input_tokens: all that went in, those read from a cache and written to one among them.
        output_tokens: all that came out, thoughts among them.
        cache_write_tokens: what the provider keeps for later calls, where it takes more for that.
    """

    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None


NOT_MEASURED = Usage(None, None)


def add_usage(first: Usage, second: Usage) -> Usage:
    """Return the sum; a part that only one side measured keeps that side's count."""

    def add(left: int | None, right: int | None) -> int | None:
        return left if right is None else right if left is None else left + right

    return Usage(
        add(first.input_tokens, second.input_tokens),
        add(first.output_tokens, second.output_tokens),
        add(first.cached_input_tokens, second.cached_input_tokens),
        add(first.reasoning_tokens, second.reasoning_tokens),
        add(first.cache_write_tokens, second.cache_write_tokens),
    )


class FinishReason(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"  # the provider itself says that nothing it was given fits
    UNSURE = "unsure"  # something may fit, but only the contact can say so


@dataclass(frozen=True, slots=True)
class Try:
    """One failed call of the chain that led to an answer or to none.

    Args:
        error: ``"temporary"``, ``"permanent"``, or ``"refused"`` where nobody was asked.
        reason: a short cause without any secret.
        credential: the uuid of the key's row; empty where there is none.
        usage: what it took all the same, where the provider said so.
    """

    provider: str
    model: str
    error: Literal["temporary", "permanent", "refused"]
    reason: str
    latency_ms: int
    credential: str = ""
    usage: Usage = NOT_MEASURED


@dataclass(frozen=True, slots=True)
class ChatResult:
    """An answer.

    Args:
        evidence_refs: the passages quoted, where the provider knows them.
        tries: what failed before this answer.
        degraded: why another than the chosen model answered, such as ``"budget"``; mostly empty.
        saved: it was given before, and nobody was asked now.
        credential: the uuid of the row of the key that answered; empty where there is none.
        asked_model: as it was asked for; gateways answer under another name in `model`.
    """

    text: str
    finish_reason: FinishReason
    usage: Usage
    model: str
    provider: str
    latency_ms: int
    tool_calls: tuple[ToolCall, ...] = ()
    evidence_refs: tuple[str, ...] = ()
    tries: tuple[Try, ...] = ()
    degraded: str = ""
    saved: bool = False
    credential: str = ""
    asked_model: str = ""


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of a streamed answer; the last one carries the whole `result`."""

    text: str
    result: ChatResult | None = None


@dataclass(frozen=True, slots=True)
class ChatConfig:
    """Which model to ask, with which key, and whom to ask when it fails.

    Args:
        timeout_s: longest time for one answer of this provider, in seconds.
        credential: the uuid of the key's row; empty where there is none.
        fallbacks: tried in this order; their own fallbacks are not followed.
        cheaper: answers once a budget is nearly used up; None for nobody.
    """

    provider: str
    model: str = ""
    api_key: str = field(default="", repr=False)
    base_url: str = ""
    timeout_s: float = 20.0
    fallbacks: tuple[ChatConfig, ...] = ()
    credential: str = ""
    cheaper: ChatConfig | None = None


@dataclass(frozen=True, slots=True)
class Sound:
    """A voice note or another recording.

    Args:
        media_type: such as ``audio/ogg``; parameters after a semicolon are left out.
        seconds: its length where the channel told it; None where not.
    """

    media_type: str
    data: bytes = field(repr=False)
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said.

    Args:
        seconds: of sound as the provider measured it; None where it does not say.
    """

    text: str
    usage: Usage
    model: str
    provider: str
    latency_ms: int
    seconds: float | None = None


class ChatClient(Protocol):
    """A chat model. Both methods raise `Temporary` or `Permanent` of `tenants.errors`."""

    def chat(self, request: ChatRequest) -> ChatResult:
        """Answer at once."""

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Answer piece by piece; the last delta carries the result."""


@dataclass(frozen=True, slots=True)
class EmbedConfig:
    """Which model turns texts into vectors, and with which key.

    Args:
        provider: ``"local"``, or one of `Provider` that offers embeddings.
        model: the provider's name of it; empty for the built-in one.
        base_url: empty for the provider's own address.
        dimensions: the length that is asked for and checked; 0 takes what the model gives.
        timeout_s: longest time for one call, in seconds.
        credential: the uuid of the key's row; empty where there is none.
    """

    provider: str = "local"
    model: str = ""
    api_key: str = field(default="", repr=False)
    base_url: str = ""
    dimensions: int = 0
    timeout_s: float = 30.0
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of unit length, one for each text.

    Args:
        n_tokens: as the provider counted them; None means not measured, never zero.
    """

    vectors: list[list[float]]
    n_tokens: int | None = None


class Embedder(Protocol):
    """Turns texts into vectors of unit length.

    All methods raise `Temporary` or `Permanent` of `tenants.errors`, and touch no database.
    """

    @property
    def model(self) -> str:
        """Name of the model, kept with each stored vector."""

    @property
    def dimensions(self) -> int:
        """Length of each vector; 0 where it is not known before the first one."""

    @property
    def batch(self) -> int:
        """How many usual passages are worth one call; more are cut into several."""

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one vector for each stored text."""

    def embed_counted(self, texts: Sequence[str]) -> Embedded:
        """Return one vector for each stored text, and what it took."""

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""

    def embed_query_counted(self, text: str) -> Embedded:
        """Return the vector of a question, and what it took."""
