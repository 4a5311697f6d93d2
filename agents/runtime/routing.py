"""Understanding without a model what a burst is: small talk, a wish for a person, a topic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from agents.types import AgentRef
from integrations.llm import words

_GREETING = re.compile(
    r"(?:o+i+e*|ola+|alo+|opa+|e ?ai|eae|hey+|hi+|hello+|bom dia+|boa tarde+|boa noite+|bomdia|"
    r"boatarde|boanoite|good (?:morning|afternoon|evening|day))"
)
_PLEASANTRY = re.compile(
    r"(?:tudo (?:bem|bom|certo|joia)|td (?:bem|bom|certo)|como (?:vai|vao|esta)(?: voces?| vcs?)?|"
    r"blz|beleza|pessoal|gente|voces?|vcs?|ai|com voces?|how are you|there|everyone)"
)
_THANKS = re.compile(
    r"(?:(?:muito |mt |mto )?(?:obrigad[oa]+|obrigadinh[oa]|obg|brigad[oa]+|agradecid[oa]|"
    r"agradeco|valeu+|vlw+|gratidao)|thanks?|thank you|thx|cheers)"
)
_ASSENT = re.compile(
    r"(?:ok+|okay|ta bom|ta bem|ta certo|certo|entendi|perfeito|otimo|show|joia|blz|beleza|"
    r"maravilha|por enquanto|por tudo|pela ajuda|pela atencao|era (?:so )?isso|so isso|great|"
    r"got it|perfect)"
)

_PERSON = r"(?:atendentes?|humanos?|recepcionista|operador[ae]?|responsavel|gerente|vendedor[ae]?)"
_SOMEBODY = rf"(?:{_PERSON}|pessoas?(?: de verdade| real)?|alguem|gente de verdade|equipe)"
_WISHES = re.compile(
    rf"\b(?:falar|conversar|falo|converso)(?: (?:direto|diretamente|agora|ja))? com "
    rf"(?:(?:uma?|o|a|os|as|algum|alguma|outra?|seu|sua) )?{_SOMEBODY}\b"
    rf"|\b(?:quero|queria|preciso(?: de)?)(?: (?:uma?|o|a|algum|alguma))? {_PERSON}\b(?! virtual)"
    rf"|\b(?:chama|chame|chamar|me pass[ae]|me transf(?:ere|ira)|transferir|passar?(?= par?a| pro))"
    rf"(?: (?:uma?|o|a|algum|alguma|para|pra|pro))* (?:{_SOMEBODY})\b"
    rf"|\batendimento humano\b|\bnao (?:quero|gosto de) (?:falar com )?(?:robo|maquina|bot|ia)\b"
    rf"|\b(?:talk|speak|chat) (?:to|with) (?:an? |the |some)?"
    rf"(?:human|person|agent|someone|somebody|one|representative|attendant|manager|real person)\b"
    rf"|\b(?:human|real person) please\b"
)
_DECLINES = re.compile(
    rf"\b(?:nao (?:quero|preciso|precisa|queria)|sem) (?:de )?"
    rf"(?:(?:falar|conversar|chamar|transferir) )?(?:com )?(?:uma? |o |a )?{_SOMEBODY}\b"
)
_ONLY_PERSON = re.compile(
    rf"(?:(?:uma?|o|a|por favor|please|oi|ola|bom dia|boa tarde|boa noite|ei) )*"
    rf"(?:{_PERSON}|pessoa(?: de verdade)?|human|agent|representative)"
    rf"(?: (?:por favor|pfv|pf|please))?"
)


class SmallTalk(StrEnum):
    """A burst that needs no knowledge."""

    GREETING = "greeting"
    THANKS = "thanks"
    ASSENT = "assent"


def small_talk(text: str) -> SmallTalk | None:
    """Return what kind of small talk `text` is, or None where it says anything else."""
    plain = " ".join(words.WORD.findall(words.fold(text)))
    if not plain:  # an emoji or a full stop
        return SmallTalk.ASSENT if text.strip() else None
    if _is_made_of(plain, _ASSENT):
        return SmallTalk.ASSENT
    if _is_made_of(plain, _GREETING, _PLEASANTRY):
        return SmallTalk.GREETING
    if _is_made_of(plain, _THANKS, _ASSENT, _GREETING):
        return SmallTalk.THANKS
    return None


def _is_made_of(plain: str, *kinds: re.Pattern[str]) -> bool:
    either = "|".join(kind.pattern for kind in kinds)
    return re.fullmatch(rf"(?:(?:{either})(?: |$))+", plain) is not None


def wants_person(text: str) -> bool:
    """Test whether the contact asks for a person, and does not only speak of one."""
    plain = " ".join(words.WORD.findall(words.fold(text)))
    without = _DECLINES.sub(" ", plain)
    return bool(_WISHES.search(without) or _ONLY_PERSON.fullmatch(without.strip()))


@dataclass(frozen=True, slots=True)
class Route:
    """Whom a keyword leads to.

    Args:
        keyword: the one that decided, as it is written in the agent.
    """

    target: AgentRef
    keyword: str


def route(text: str, handoffs: tuple[AgentRef, ...]) -> Route | None:
    """Return the handoff with the most keywords in `text`, or None.

    Keywords are compared without case and accents, as whole words; a plural counts. Of equal ones
    the longest keyword decides, then the order of `handoffs`.
    """
    plain = " ".join(words.words(text))
    best: tuple[int, int] = (0, 0)
    found: Route | None = None
    for target in handoffs:
        hits = [keyword for keyword in target.keywords if _holds(plain, keyword)]
        if not hits:
            continue
        longest = max(hits, key=len)
        rank = (len(hits), len(longest))
        if rank > best:
            best, found = rank, Route(target, longest)
    return found


def _holds(plain: str, keyword: str) -> bool:
    wanted = " ".join(words.WORD.findall(words.fold(keyword)))
    return bool(wanted) and re.search(rf"\b{re.escape(wanted)}(?:s|es)?\b", plain) is not None
