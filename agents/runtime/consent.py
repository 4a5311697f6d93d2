"""Understanding that a contact wants no more messages, or wants them again.

Only what is said of the messages themselves, or a whole message that is nothing but the word: a
wrong alarm silences somebody who was asking something.
"""

from __future__ import annotations

import re
from enum import StrEnum

from integrations.llm import words


class Wish(StrEnum):
    """What a contact asks for."""

    STOP = "stop"
    RESUME = "resume"


_POLITE = (
    r"(?:oi|ola|bom dia|boa tarde|boa noite|por favor|por gentileza|pfv?|pf|please|gente|pessoal|"
    r"obrigad[oa]|ja|agora|entao|eu|voces?|vcs?|amig[oa]s?|moc[oa]s?|olha|por enquanto|ta|ok|nao|"
    r"hello|hi|thanks|thank you)"
)
_WORD_ALONE = (
    r"(?:sair|sai|stop|stopall|pare|parar|parem|(?:me )?descadastr(?:ar|e|em|a)(?: (?:me|"
    r"meu numero|"
    r"meu contato))?|me remov[ae]m?|unsubscribe|opt ?out|optout|quit|"
    r"cancelar (?:inscricao|cadastro na lista|mensagens|envio|envios|recebimento|assinatura de "
    r"mensagens)|sair da lista|me tir[ae] da lista|bloquear mensagens|"
    r"chega de mensagens?)"
)
_STOP_ALONE = re.compile(rf"(?:{_POLITE} )*{_WORD_ALONE}(?: {_POLITE})*")

_MESSAGES = (
    r"(?:mensage(?:m|ns)|msgs?|mensagenzinhas?|whats?(?:app)?s?|zaps?|propagandas?|promoc(?:ao|oes)|"
    r"ofertas?|anuncios?|avisos?|notificac(?:ao|oes)|publicidades?|spam|marketing|novidades|"
    r"lembretes?|divulgac(?:ao|oes)|comunicados?|newsletters?|isso aqui|texts?|messages?|ads)"
)
_WRITE = (
    r"(?:mandar?|mandando|enviar?|enviando|encaminhar|encaminhando|escrever|escrevendo|"
    r"encher|enchendo|contatar|chamar|chamando|perturbar|perturbando|incomodar|incomodando|"
    r"procurar|procurando|disparar|disparando)"
)
_ME = (
    r"(?:me|mim|pra mim|para mim|comigo|meu (?:numero|whats(?:app)?|zap|celular|contato|telefone))"
)
_STOP = re.compile(
    # "pare de me mandar mensagem", "parem de enviar propaganda", "dá pra parar de me chamar?"
    rf"\b(?:par[ea]|parem|parar|pararem|deix[ea]r?|deixem|chega|cess(?:em|ar)) (?:ja |logo )?de "
    rf"(?:(?:me|ficar|fica|ficarem|voces|vcs|estar) )*{_WRITE}\b"
    rf"(?=.*\b(?:{_MESSAGES}|{_ME})\b|$)"
    rf"|\b(?:par[ea]|parem|parar|pararem|deixem?) (?:ja |logo )?de (?:(?:ficar|fica) )?me "
    rf"(?:(?:ficar) )?{_WRITE}\b"
    rf"|\b(?:par[ea]|parem|parar) com (?:essas?|as|esses?|os|tantas?|estas?|suas?)\s{_MESSAGES}\b"
    rf"|\bchega de {_MESSAGES}\b"
    rf"|\b(?:quero|queria|gostaria de) parar de receber (?:\w+ )?{_MESSAGES}\b"
    rf"|\bgostaria de nao receber(?: mais)?(?: \w+)? {_MESSAGES}\b"
    # "não quero mais receber", "não desejo receber suas mensagens"
    rf"|\bnao (?:quero|queria|desejo|gostaria de|autorizo|aceito|permito)(?: mais)? (?:receber|"
    rf"recebo|ser contatad[oa]|ser incomodad[oa]|que (?:me|voces|vcs) (?:me )?(?:mandem|enviem|"
    rf"escrevam|chamem|procurem|incomodem|perturbem))"
    rf"(?: mais)?(?: (?:nada|nenhum[a]?|as|os|essas?|esses?|suas?|seus?|estas?|tantas?|"
    rf"mais|de|d[aeo]s?|"
    rf"voces?|vcs?|aqui|por aqui|nesse numero|neste numero|tipo|contatos?))*"
    rf"(?: {_MESSAGES}\b.*)?$"
    rf"|\bnao (?:quero|desejo)(?: mais)? (?:essas|as|suas|mais|nenhuma)?\s?{_MESSAGES}\b"
    # "não me mande mais mensagem", "não me envie nada", "não me chame mais"
    rf"|\bnao (?:me|precisam?) (?:me )?(?:mand[ae]m?|envi[ae]m?|escrev[ae]m?|cham[ae]m?|"
    rf"procurem?|perturbem?|incomodem?|mandar|enviar)\b(?: (?:mais|nunca mais))?"
    rf"(?: (?:nada|nenhuma?|essas?|esses?|as|os))*(?:$| mais| {_MESSAGES})"
    # "me tira dessa lista", "remova meu número", "quero sair da lista", "cancele o envio"
    rf"|\b(?:me )?(?:tir[ae]m?|tirar|remov[ae]m?|remover|exclu(?:a|am|i|ir)|apag(?:a|ue)|sair|"
    rf"retir[ae]m?|retirar)(?: (?:me|o|meu|o meu|numero|contato|telefone|eu|daqui|por favor))* "
    rf"(?:d[aeo]s?|dess[ae]s?|dest[ae]s?|sua|suas|desse) "
    rf"(?:lista|listas|grupo de transmissao|lista de transmissao|cadastro de (?:envio|mensagens)|"
    rf"mailing|disparos?|transmissao|envios?)\b"
    rf"|\b(?:cancel[ae]m?|cancelar|suspend[ae]m?|interromp(?:a|am|er))(?: (?:o|os|a|as|meu|minha|"
    rf"essas?|esses?))* (?:envios?|recebimento|{_MESSAGES}|inscricao|lista)\b"
    rf"|\bdescadastr\w+\b(?: (?:me|meu|o|numero|contato|desse|dessa|da|do|lista))*$"
    rf"|\bquero me descadastrar\b"
    r"|\b(?:stop|quit) (?:texting|messaging|sending|writing|contacting|spamming)\b"
    r"|\b(?:do not|dont|don t) (?:text|message|contact|write(?: to)?|send)(?: to)? me\b"
    r"|\bunsubscribe me\b|\b(?:take|remove) me (?:off|from) (?:your|the|this) list\b"
    r"|\bi (?:do not|dont|don t) want (?:to receive )?(?:any )?(?:more )?(?:messages|texts)\b"
    r"|\bdeja(?:r|n)? de (?:enviarme|mandarme)\b|\bno quiero (?:recibir )?mas mensajes\b"
)
_ABOUT_OTHERS = re.compile(
    # Somebody else's messages, or a question of how it works: "meu celular parou de receber".
    r"\b(?:parou|pararam|parei) de\b|\bcomo (?:faco|eu faco|faz|fazer)\b.*\b(?:meus clientes|"
    r"de outra empresa|d[ao] banco)\b|\bnao quero (?:parar|deixar|sair)\b"
    r"|\bnao (?:par[ea]|parem|deix[ea]) de\b"
    # "não quero receber o produto errado", "não me mande com atraso": what is bought, not written.
    r"|\breceber (?:[oa]s? )?(?:produtos?|pedidos?|entregas?|encomendas?|compras?|pecas?|visitas?|"
    r"alta|boletos? (?:em papel|impresso))\b"
)

_RESUME_ALONE = re.compile(
    rf"(?:{_POLITE} )*(?:voltar|volta|quero voltar|voltei|start|unstop|iniciar|reativar|retomar|"
    rf"quero receber|aceito receber|quero voltar a receber|me recadastr[ae])(?: {_POLITE})*"
)
_RESUME = re.compile(
    rf"\b(?:quero|queria|gostaria de|pode[m]?|podem|aceito|desejo|autorizo)(?: (?:voltar|"
    rf"voltarem))? "
    rf"(?:a |de )?(?:receber|me mandar|mandar|me enviar|enviar|me escrever)\b"
    rf"(?=.*\b(?:de novo|novamente|outra vez|{_MESSAGES})\b)"
    rf"|\b(?:quero|queria|gostaria de) voltar a (?:receber|conversar|falar)\b"
    r"|\bi want (?:to receive )?(?:your )?messages again\b"
)
_NEGATED = re.compile(r"\b(?:nao|nunca|jamais|sem|nem)\b")

MAX_WISH = 300
"""Characters of a message that can be such a wish; a longer one tells a story."""


def wish(text: str) -> Wish | None:
    """Return what a message asks of our writing to its sender; None for everything else."""
    if len(text) > MAX_WISH:
        return None
    plain = " ".join(words.WORD.findall(words.fold(text)))
    if _STOP_ALONE.fullmatch(plain) and not text.rstrip().endswith("?"):
        return Wish.STOP
    if _STOP.search(plain) and not _ABOUT_OTHERS.search(plain):
        return Wish.STOP
    if _RESUME_ALONE.fullmatch(plain) and not _NEGATED.search(plain):
        return Wish.RESUME
    if _RESUME.search(plain) and not _NEGATED.search(plain):
        return Wish.RESUME
    return None
