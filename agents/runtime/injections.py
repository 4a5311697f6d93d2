"""Signs that a text tries to steer the model: a label on what contacts write, and what is taken out
of documents before anybody reads them.

The label decides nothing: whoever writes it differently must not get further, and does not, because
the checks of what goes out hold for every text. Documents are another matter: they support what a
reply says, so a sentence in one that speaks to the assistant would vouch for itself.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Sequence

from agents.types import RetrievedPassage
from integrations.llm import words
from integrations.llm.types import Evidence

_ASSISTANT = (
    r"(?:assistente(?: (?:de ia|virtual|digital))?|atendente virtual|agente de ia|agente virtual|"
    r"chat ?bot|bot|robo|robot|ia|inteligencia artificial|modelo de linguagem|llm|ai(?: agents?| "
    r"assistants?| models?)?|assistants?|language model|chat ?gpt|gpt)"
)
_RULES = (
    r"(?:instruc(?:ao|oes)|regras?|orientac(?:ao|oes)|diretrizes|ordens|politicas internas|"
    r"instructions?|rules|guidelines|directives|reglas|instrucciones)"
)
_SIGNALS = {
    "override": re.compile(
        rf"\b(?:ignor[aeo]r?|esquec[ae]r?|desconsider[ae]r?|desobedec[ae]r?|burle?|disregard|forget|"
        rf"override|bypass|olvida|ignora)\b.{{0,40}}\b{_RULES}(?! (?:de uso|do produto|de entrega))"
        r"|\b(?:disregard|forget|ignore) everything\b|\bsafety layer\b|"
        r"\badmin(?:istrator)? override\b"
        r"|\bsem nenhuma regra\b|\bsem regras\b|\bignore o resto\b|\bnova politica\b.{0,20}\brevele"
    ),
    "print": re.compile(
        r"\b(?:prompt (?:de|do) sistema|system (?:prompt|message)|(?:suas?|your|tus) (?:secret )?"
        rf"(?:{_RULES}|configuration|initial message|system message)|instruc(?:ao|"
        rf"oes) (?:secretas?|"
        r"do sistema)|texto inicial|initial message|full configuration|tudo o que esta acima|"
        r"everything above|chat history|historico completo|segredo do webhook|senha da api)\b"
    ),
    "order": re.compile(
        r"\b(?:respond[ae]|responda|escrev[ae]|diga|repita|conteste|contesta|imprima|reply|answer|"
        r"say|write|print|output|termine)\b.{0,30}\b(?:somente|apenas|unicamente|exatamente|only|"
        r"exactly|nothing else|mais nada)\b"
        r"|\b(?:somente|apenas|only) (?:com )?[a-z]{3,}-?\d{2,}\b|\btermine com\b"
        r"|\bpwned|\bdan mode\b|\bjailbreak\b"
    ),
    "role": re.compile(
        r"\b(?:voce agora e|a partir de agora voce|you are now|let us role ?play|lets role ?play|"
        r"debug ?bot|modo (?:desenvolvedor|deus)|developer mode|robo sem)\b"
        r"|\b(?:sou|aqui e) o? ?(?:\w+ )?(?:dono|administrador|desenvolvedor) (?:da|do) "
        r"(?:empresa|sistema)\b"
    ),
    "tool": re.compile(
        r"\b(?:chame|chama|call|use|usar|execute) (?:a |the |any )?(?:ferramenta|tool|funcao|"
        r"function)\b|\b\w+_(?:contacts?|get|message_to|refund|record)\b"
    ),
    "encoded": re.compile(
        r"\b(?:rot ?13|decodifique|decode|de tras para frente|backwards)\b.{0,60}\b(?:obedeca|faca|"
        r"cumpra|execute|do what|obey|follow)\b|\b(?:em|in) base ?64\b"
    ),
}
_MARKUP = re.compile(
    r"<\|?/?(?:im_start|im_end|sistema|system|mensagem|user|assistant|contact|passages?|history)"
    r"|\[(?:tool result|inst|system)|(?m:^(?:assistente|assistant|sistema|system) ?:)"
    r"|\{\{ ?system|<important>",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_LOOKS_LIKE = str.maketrans("аеіорсухһјѕԁԛԝАЕІОРСУХНТМВК", "aeiopcyxhjsdqwAEIOPCYXHTMBK")
_LEET = str.maketrans("013457@$", "oieastas")


def signals(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds of signs in what a contact wrote, each once; empty for most."""
    whole = "\n".join(texts)
    found = ["markup"] if _MARKUP.search(whole) else []
    for reading in _readings(whole):
        found += [name for name, pattern in _SIGNALS.items() if pattern.search(reading)]
    return tuple(dict.fromkeys(found))


def _readings(text: str) -> list[str]:
    """Return a text folded, and as it reads with its disguises taken off."""
    plain = unicodedata.normalize("NFKC", text).translate(_LOOKS_LIKE)
    folded = words.fold(plain)
    readings = [" ".join(folded.split()), folded.translate(_LEET)]
    joined = re.sub(r"[\"'“”]\s*\n?\s*(?:\w+ ?= ?)?[\"'“”]?", "", folded)
    readings += [joined, folded[::-1], codecs.encode(folded, "rot13")]
    readings += [words.fold(one) for one in decoded(text)]
    return readings


def decoded(text: str) -> list[str]:
    """Return what stands in a text in base64 or hexadecimal, where that is readable."""
    found = []
    for match in _BASE64.finditer(text):
        piece = match[0]
        if len(piece) % 2 == 0 and re.fullmatch(r"[0-9a-fA-F]+", piece):
            found.append(bytes.fromhex(piece).decode("utf-8", "ignore"))
        bare = piece.rstrip("=").translate(str.maketrans("-_", "+/"))
        try:
            raw = base64.b64decode(bare + "=" * (-len(bare) % 4))
        except (binascii.Error, ValueError):
            continue
        found.append(raw.decode("utf-8", "ignore"))
    return [one for one in found if one.strip()]


_TO_ASSISTANT = re.compile(
    rf"\b(?:nota|aviso|instruc(?:ao|oes)|mensagem|recado|atencao|comando|ordem|note|message|"
    rf"instructions?|attention)(?: \w+){{0,2}}? (?:para|ao|a|aos|as|do|to|for|"
    rf"_ao_)(?: (?:o|a|os|as|"
    rf"the|any|all))? ?{_ASSISTANT}\b"
    rf"|\b(?:o|a|os|as|the|caro|cara|querid[oa]|dear|any|all) {_ASSISTANT} (?:deve[m]?|"
    rf"precisa[m]?|tem que|"
    rf"tera que|pode[m]?|should|must|shall|has to|have to|needs? to)\b(?! (?:ajudar|atender))"
    rf"|\b{_ASSISTANT} (?:reading|lendo|que (?:le|ler|leia|estiver lendo|processar)|who reads?)\b"
    rf"|(?:^|[.!?:;(\[>] ?){_ASSISTANT} ?[,:]"
    rf"|\bmensagem ao agente\b|\bmensagem_ao_agente\b"
    r"|\binstruc(?:ao|oes)(?: oculta| secreta)? ?: ?(?:chame|envie|diga|responda|ignore|revele)"
    r"|\b(?:chame|chamar|call|invoke) (?:a |the )?(?:ferramenta|tool|funcao|function|\w+_\w+)"
    r"|\b(?:before|antes de) (?:answering|using any tool|responder)\b.{0,20}\b(?:call|"
    r"read|chame|leia|"
    r"envie|send)\b"
    r"|\bappend (?:the )?(?:conversation|chat)|\bguarde na memoria\b|\bmemoria de longo prazo\b"
    # "Não ignore as regras de segurança" is what a manual says.
    rf"|(?<!nao )(?<!nunca )(?<!not )\b(?:ignor[ae]|desconsider[ae]|esquec[ae]|disregard|ignore) "
    rf"(?:tod[ao]s |all |any |as |os |suas |your |the |previous ).{{0,30}}\b{_RULES}"
    rf"(?! (?:de|do|da|of) )"
    r"|\besqueca o usuario\b|\[?texto branco sobre branco\b|<important>|\bsystem prompt\b"
    r"|\bprompt de sistema\b"
)
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|‹!--.*?(?:--›|\Z)", re.DOTALL)


def addresses_assistant(text: str) -> bool:
    """Test whether a text speaks to the program that reads it, and not to a customer."""
    plain = unicodedata.normalize("NFKC", text).translate(_LOOKS_LIKE)
    return _TO_ASSISTANT.search(" ".join(words.fold(plain).split())) is not None


def cleaned(
    passages: Sequence[RetrievedPassage],
) -> tuple[tuple[RetrievedPassage, ...], tuple[str, ...]]:
    """Return passages without what speaks to the assistant, and the refs of those that had it.

    From such a sentence on its whole paragraph goes: what it orders mostly follows it.
    """
    kept: list[RetrievedPassage] = []
    touched: list[str] = []
    for passage in passages:
        one = passage.evidence
        text = "" if addresses_assistant(one.title) else _clean(one.text)
        if text == one.text:
            kept.append(passage)
            continue
        touched.append(one.ref)
        if text.strip():
            evidence = Evidence(one.ref, text, one.source, one.title)
            kept.append(
                RetrievedPassage(
                    evidence,
                    passage.score,
                    passage.cosine,
                    passage.lexical,
                    passage.grams,
                    passage.is_approved,
                )
            )
    return tuple(kept), tuple(touched)


def _clean(text: str) -> str:
    shown = _HIDDEN.sub(" ", text)
    if not addresses_assistant(shown):
        return text if shown == text else shown.strip()
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", shown):
        sentences = re.split(r"(?<=[.!?])\s+|\n+", paragraph)
        kept: list[str] = []
        for sentence in sentences:
            if addresses_assistant(sentence):
                break
            kept.append(sentence)
        rest = " ".join(one for one in kept if one.strip())
        # Split over sentences, the order is still one: nothing of such a paragraph is trusted.
        if kept == sentences and addresses_assistant(paragraph):
            rest = ""
        if rest:
            paragraphs.append(paragraph if kept == sentences else rest)
    return "\n\n".join(paragraphs).strip()
