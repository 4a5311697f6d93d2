"""When a conversation must go to a person at once: anger, the law, an answer that did not help.

Rules on folded words and no model: it costs nothing, it is the same every time, and a model that an
angry contact has just talked down would be a poor judge. Each rule wants what is said to be about
us, because a false alarm takes a contact away from an answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from agents.runtime import clarifying, prompts, routing
from agents.types import Reason, TranscriptLine
from integrations.llm import words

AGAIN_WITHIN = timedelta(minutes=30)
"""How long after a question the same one again means that its answer did not help. At the double it
would also meet those who come back later and only want to read it once more."""

SAME_QUESTION = 0.8
"""The share of the words of two questions that must be the same."""

LEAST_TERMS = 2
"""Words that name a subject, without which two questions are not compared: "e a outra?" is said
twice of two things."""

SHOUTED_LETTERS = 12
"""Letters from which a text in capitals with exclamation marks is shouting, and no abbreviation."""

_YOU = r"(?:voces?|vcs?|essa (?:empresa|loja|clinica)|a (?:empresa|loja|clinica))"
_SERVICE = (
    r"(?:atendimento|servico|empresa|loja|clinica|suporte|sistema|robo|bot|lugar|experiencia)"
)

_ANGER = re.compile(
    # "isso é um absurdo", "que absurdo", but not "preço absurdo de bom"
    r"\b(?:(?:isso|isto|que|e|eh|um|uma|total|maior|virou) )"
    r"(?:absurdo|palhacada|vergonha|descaso|desrespeito|falta de respeito|sacanagem|piada de mau"
    r" gosto|ridicul[oa]|enrolacao)\b(?! de (?:bom|boa|lind|perguntar|falar|dizer|pedir))"
    r"|\b(?:falta de respeito|palhacada|descaso)\b"
    # "péssimo atendimento", "atendimento horrível", "vocês são péssimos"
    rf"|\b(?:pessim[oa]s?|horrivel|horriveis|lixo|porcaria|vergonhos[oa]|nojent[oa])"
    rf"(?: (?:de|esse|essa|este|o|a|d[oa]))* {_SERVICE}\b"
    rf"|\b{_SERVICE}(?: (?:de|d?e ?voces|e|eh|foi|esta|ta|muito|um|uma|tao))*"
    r" (?:pessim[oa]|horrivel|lixo|porcaria|vergonhos[oa]|nojent[oa]|merda|bosta)\b"
    rf"|\b{_YOU} (?:sao|e|eh|nao passam? de)(?: (?:uns|umas|um|uma|muito|tao|todos))*"
    r" (?:pessim[oa]s?|horriveis|ridicul[oa]s?|incompetentes?|palhac[oa]s?|ladr(?:ao|oes)|"
    r"golpistas?|mentiros[oa]s?|picaretas?|lixo|enrolad(?:or|ores|os)|irresponsave(?:l|is)|burr[oa]s?)\b"
    r"|\b(?:bando|cambada|quadrilha) de \w+"
    # "estou furiosa", "estou com raiva", but no "vacina da raiva"
    r"|\b(?:estou|to|tou|fiquei|ficando|muito|super) (?:muito |super |bem )?"
    r"(?:furios[oa]|revoltad[oa]|indignad[oa]|irritad[oa]|p ?da vida|put[oa] da vida|pistola|"
    r"com (?:muita |tanta )?raiva|de saco cheio)\b"
    r"(?! (?:(?:a|o|na|no|minha|meu) )?(?:pele|gengiva|olhos?|boca|garganta))"
    r"|\bque (?:raiva|odio)\b|\b(?:cansei|cansad[oa]) de (?:esperar|ser enrolad[oa]|tentar|repetir|"
    r"falar com)"
    r"|\b(?:isso e|virou|caiu num?|cai num?|foi) (?:um )?golpe\b|"
    r"\bfui (?:enganad[oa]|roubad[oa]|lesad[oa])\b"
    r"|\b(?:nunca mais (?:volto|compro|piso|contrato|indico)|tomar no cu|vai se (?:foder|ferrar)|"
    r"vao se (?:foder|ferrar)|vtnc|vsf|filh[oa]s? da puta|fdp|que (?:merda|bosta|porra)(?! boa)|"
    r"(?:merda|bosta) de)\b"
    r"|\b(?:this is (?:a joke|ridiculous|unacceptable|outrageous)|worst service|you (?:guys )?are"
    r" (?:useless|liars|thieves|incompetent)|i(?: a)?m (?:furious|fed up|so angry))\b"
)

_LEGAL = re.compile(
    r"\bprocon\b|\breclame ?aqui\b"
    r"|\b(?:meu|minha|nosso|nossa|um|uma|o|a) advogad[oa] (?:vai|ira|entrara|esta|ja|sera|e que|"
    r"entrou|mandou|me orientou)\b"
    r"|\b(?:falar|conversar|acionar|acionei|procurar|procurei|contratar|contratei|chamar|consultar|"
    r"consultei|constituir|vou com|com)(?: com)? (?:o |a |um |uma )?(?:meu |minha )?advogad[oa]\b"
    rf"|\bprocess(?:ar|o|arei|ando) (?:{_YOU}|todo mundo)\b|\bvou process(?:ar|a los)\b"
    r"|\b(?:entrar|entrei|entro|abrir|abri|mover|movi|moverei)(?: (?:com|na|um|uma|o|a))*"
    r" (?:processo|acao|justica)\b(?! (?:de troca|de devolucao|seletivo))"
    r"|\bprocesso (?:judicial|na justica|contra)\b|\b(?:acao|via|medidas?|providencias?) "
    r"(?:judicia(?:l|is)|lega(?:l|is)|cabive(?:l|is)|na justica|extrajudicia(?:l|is))\b"
    r"|\b(?:na|pela) justica\b"
    r"|\b(?:juizado especial|pequenas causas|notificacao extrajudicial|boletim de ocorrencia|"
    r"danos? morais|codigo de defesa do consumidor|direitos? do consumidor|codecon)\b"
    r"|\b(?:fazer|fiz|registrar|registrei|abrir) (?:um )?(?:bo|b o)\b"
    r"|\b(?:chamar|ligar (?:para|pra)|vou (?:na|a)|ir (?:na|a)) (?:a )?(?:policia|delegacia)\b"
    # Data protection: a request with a term, which a person must answer.
    r"|\b(?:lgpd|anpd)\b|\blei geral de protecao\b|\bencarregad[oa] (?:de|dos|pelos) dados\b"
    r"|\b(?:apag\w+|exclu\w+|delet\w+|remov\w+|elimin\w+|copia|acesso)(?: \w+){0,3}"
    r" (?:meus|seus dados sobre mim|dos meus) dados\b"
    r"|\b(?:sue you|lawsuit|my (?:lawyer|attorney)|legal action|consumer protection|gdpr|"
    r"delete (?:all )?my (?:personal )?data)\b"
)

_NOT_LEGAL = re.compile(
    # Somebody's trade, a place, a reputation, a way of doing something.
    r"\b(?:perto|lado|frente|proxim[oa]|atras|esquina|rua|avenida|praca|bairro|edificio)"
    r" (?:d[oae]s? |ao? |com )?(?:o |a )?(?:procon|justica|policia|delegacia)\b"
    r"|\b(?:nota|selo|reputacao|avaliacao|avaliacoes|bem avaliad[oa]s?)"
    r"(?: \w+){0,4} reclame ?aqui\b"
    r"|\b(?:vi|olhei|pesquisei|li)(?: \w+){0,3} no reclame ?aqui\b"
    r"|\b(?:desconto|convenio|parceria)(?: \w+){0,3} (?:policia|justica|advogad[oa]s?)\b"
)


@dataclass(frozen=True, slots=True)
class Raised:
    """Why a conversation goes to a person at once; `found` are the words that decided."""

    reason: Reason
    found: str


def raised(text: str, *, transcript: Sequence[TranscriptLine], now: datetime) -> Raised | None:
    """Return why this burst must not be answered by an assistant; None where it may be.

    Args:
        text: the whole burst, already without what nobody sees.
    """
    plain = " ".join(words.WORD.findall(words.fold(text)))
    if found := _LEGAL.search(_NOT_LEGAL.sub(" | ", plain)):
        return Raised(Reason.LEGAL, found[0].strip())
    if found := _ANGER.search(plain):
        return Raised(Reason.ANGRY, found[0].strip())
    if _is_shouted(text):
        return Raised(Reason.ANGRY, text.strip()[:60])
    if again := _asked_again(text, transcript, now=now):
        return Raised(Reason.ASKED_AGAIN, again[:120])
    if _failed_twice(transcript):
        return Raised(Reason.FAILED_TWICE, "")
    return None


def _is_shouted(text: str) -> bool:
    """Test for capitals with exclamation marks; capitals alone are many people's habit."""
    letters = [sign for sign in text if sign.isalpha()]
    return (
        len(letters) >= SHOUTED_LETTERS
        and sum(sign.isupper() for sign in letters) >= 0.9 * len(letters)
        and "!!" in text
    )


def _asked_again(text: str, transcript: Sequence[TranscriptLine], *, now: datetime) -> str:
    """Return the earlier question that this one repeats, where our side had answered it."""
    wanted = set(words.terms(text))
    if len(wanted) < LEAST_TERMS:
        return ""
    for place, line in enumerate(transcript):
        is_question = line.role == "contact" and now - line.at <= AGAIN_WITHIN
        if not is_question or routing.small_talk(line.text) is not None:
            continue
        theirs = set(words.terms(line.text))
        share = len(wanted & theirs) / max(1, len(wanted | theirs))
        if share >= SAME_QUESTION and _was_answered(transcript[place + 1 :]):
            return line.text
    return ""


def _was_answered(later: Sequence[TranscriptLine]) -> bool:
    """Test whether the assistant answered, and did not only ask back or promise a person."""
    said = next((line for line in later if line.role != "contact"), None)
    return said is not None and said.role == "agent" and not said.text.startswith(_no_answers())


def _failed_twice(transcript: Sequence[TranscriptLine]) -> bool:
    ours = [line for line in transcript if line.role != "contact"][-2:]
    return len(ours) == 2 and all(
        line.role == "agent" and line.text.startswith(_no_answers()) for line in ours
    )


@cache
def _no_answers() -> tuple[str, ...]:
    """Return how our texts begin that hold no answer: code wrote them, so they are known again."""
    return tuple(
        opening
        for language in clarifying.LANGUAGES
        for opening in (
            clarifying.text(language=language, choices=()).splitlines()[0],
            prompts.render(prompts.PromiseText(language, "not_found")),
        )
    )
