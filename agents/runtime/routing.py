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

_MINE = r"(?:meus?|minhas?|my)"
_HAPPENED = (
    r"(?:foi|foram|esta|estao|ta|tao|chegou|chegaram|saiu|sairam|caiu|cairam|entrou|entraram|consta|"
    r"ficou|ficaram)"
)
_RECORDED = (
    r"(?:horarios?|datas?|dias?|horas?|valor|total|notas?|resultados?|saldo|numero|codigo|senha|"
    r"vencimento|limite|situacao|status|andamento|extrato|localizacao|"
    r"time|date|number|amount|balance|result|password|due date)"
)
_OWN_ACCOUNT = re.compile(
    # "cadê meu pedido", "onde está a minha encomenda", "where is my parcel"
    r"\b(?:cade|kd|onde (?:que )?(?:esta|ta|anda|foi parar)|where(?: i)?s)(?: (?:o|a|os|as))? "
    rf"{_MINE}\b"
    # "qual o horário da minha consulta", "status do meu pedido": what stands in a record of theirs
    rf"|\b{_RECORDED} (?:d[aeo]s?|of) {_MINE}\b(?: \w+){{0,4}}$"
    # "qual o meu vencimento"
    rf"|\b(?:qual|quais|what(?: i)?s)(?: (?:e|eh|foi|era|sera))?(?: (?:o|a|os|as))? {_MINE}"
    r"(?: \w+){1,2}$"
    # "quando chega meu pedido", "que horas é a minha aula", but not "quando posso levar meu filho"
    r"|\b(?:quando|que (?:dia|horas?)|when)\b(?! (?:posso|pode|podemos|devo|preciso|da|can|may))"
    rf"(?: \w+){{0,2}}? {_MINE}(?: \w+){{1,2}}$"
    # "quantos pontos eu tenho", but not "quanto tempo tenho pra trocar": that is a rule
    r"|\b(?:quant[oa]s?|how (?:much|many))\b(?! (?:dias|tempo|horas|meses|semanas|anos|time|days))"
    r"(?: \w+){0,2}? (?:eu )?(?:(?:ja|ainda) )?"
    r"(?:tenho|devo|estou devendo|to devendo|do i (?:have|owe))\b(?! (?:pra|para|p|que|q|to)\b)"
    # "quanto falta pra eu quitar meu tratamento"
    r"|\bquant[oa]s?\b(?: \w+){0,2}? (?:falta|faltam|resta|restam)\b.{0,30}"
    rf"\b(?:eu|mim|{_MINE})\b"
    # "meu boleto de maio já foi pago?", "já caiu o meu pagamento?", "já ficou pronto?"
    rf"|\b{_MINE}(?: \w+){{1,4}}? ja {_HAPPENED}(?: \w+){{0,2}}$"
    rf"|\bja {_HAPPENED}\b(?: \w+){{0,4}}? {_MINE}(?: \w+){{1,3}}$"
    r"|\bja (?:esta|ta|ficou|ficaram) pront[oa]s?\b"
    # "meu pagamento de ontem caiu?", and nothing else in the message
    rf"|^(?:(?:o|a|os|as) )?{_MINE}(?: \w+){{1,3}}? {_HAPPENED}(?: \w+)?$"
    rf"|\b(?:has|is|was) {_MINE}(?: \w+){{1,3}}? (?:already|been|yet|ready)\b"
    # "meu pedido 48213", "minha reserva nº 1029": a number of theirs, but no year
    rf"|\b{_MINE} \w+ (?:(?:n|no|numero|num|number) )?(?!(?:19|20)\d\d\b)\d{{4,12}}\b"
)
"""What only the contact's own record answers, in words of the language and of no trade. Scores do
not see it: the document about orders is a good match for "cadê meu pedido". Questions of a rule
that speak of something of theirs ("meu cartão foi recusado, perdi a compra?") are left alone.
"""


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


def about_own_account(text: str) -> bool:
    """Test whether only the contact's own record holds the answer, which no document does."""
    return any(
        _OWN_ACCOUNT.search(" ".join(words.WORD.findall(words.fold(line))))
        for line in text.splitlines()
    )


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
