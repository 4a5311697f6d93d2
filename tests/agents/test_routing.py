from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime import routing
from agents.runtime.routing import SmallTalk
from agents.types import AgentKind, AgentRef

PRICES = AgentRef(2, "Orçamentos", AgentKind.SPECIALIST, ("preço", "valor", "quanto", "orçamento"))
BOOKING = AgentRef(3, "Agenda", AgentKind.INTEGRATION, ("marcar", "agendar", "horário livre"))
PEOPLE = AgentRef(4, "Atendimento", AgentKind.HUMAN, ("reclamação", "advogado"))
ALL = (PRICES, BOOKING, PEOPLE)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("oi", SmallTalk.GREETING),
        ("Oiii!!", SmallTalk.GREETING),
        ("bom dia", SmallTalk.GREETING),
        ("oi\nbom dia", SmallTalk.GREETING),
        ("Oi, tudo bem?", SmallTalk.GREETING),
        ("boa tarde pessoal 😊", SmallTalk.GREETING),
        ("Olá! Como vai você?", SmallTalk.GREETING),
        ("hello", SmallTalk.GREETING),
        ("obrigada!", SmallTalk.THANKS),
        ("ok, valeu", SmallTalk.THANKS),
        ("muito obrigado pela ajuda", SmallTalk.THANKS),
        ("ok", SmallTalk.ASSENT),
        ("👍", SmallTalk.ASSENT),
        ("oi, quanto ta a limpeza?", None),
        ("bom dia, vocês atendem domingo?", None),
        ("obrigado, e no sábado?", None),
        ("limpeza", None),
        ("", None),
    ],
)
def test_small_talk_is_told_from_questions(text: str, kind: SmallTalk | None) -> None:
    assert routing.small_talk(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "atendente",
        "Atendente, por favor",
        "quero falar com um atendente",
        "posso falar com alguém?",
        "falar com humano",
        "quero atendimento humano",
        "me passa pra uma pessoa",
        "me transfere pro gerente",
        "chama alguém da equipe",
        "não quero falar com robô",
        "oi, prefiro falar com a recepcionista",
        "I want to talk to a human",
        "can I speak with a real person?",
    ],
)
def test_a_wish_for_a_person_is_understood(text: str) -> None:
    assert routing.wants_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "a atendente me disse que custa 200",
        "não quero falar com atendente, só saber o preço",
        "não precisa chamar ninguém, só o preço",
        "vcs tem atendente que fala inglês?",
        "quantas pessoas cabem na sala?",
        "atendem em casa? minha mãe é acamada",
        "qual o salario de recepcionista ai?",
        "quanto ta a limpeza?",
        "you are a human-like bot?",
    ],
)
def test_speaking_of_people_is_no_wish_for_one(text: str) -> None:
    assert not routing.wants_person(text)


@pytest.mark.parametrize(
    ("text", "target", "keyword"),
    [
        ("QUANTO ta a limpeza?", PRICES, "quanto"),
        ("qto ta a limpeza?", PRICES, "quanto"),
        ("qual o preco", PRICES, "preço"),
        ("me passa os preços", PRICES, "preço"),
        ("tem horario livre amanhã?", BOOKING, "horário livre"),
        ("quero fazer uma reclamacao", PEOPLE, "reclamação"),
        ("qual o preço e o valor pra agendar", PRICES, "preço"),
    ],
)
def test_a_keyword_leads_to_its_agent(text: str, target: AgentRef, keyword: str) -> None:
    found = routing.route(text, ALL)

    assert found == routing.Route(target, keyword)


@pytest.mark.parametrize(
    "text", ["valorizo muito vocês", "desmarcar", "tem estacionamento?", "quantos", ""]
)
def test_only_whole_words_lead_anywhere(text: str) -> None:
    found = routing.route(text, ALL)

    assert found is None or found.keyword == "quanto"


def test_an_empty_keyword_leads_nowhere() -> None:
    assert routing.route("!!", (AgentRef(1, "x", AgentKind.SPECIALIST, ("", "?")),)) is None


def test_a_flood_is_read_in_no_time() -> None:
    began = time.thread_time()

    for flood in ("preço " * 700, "oi " * 1300, "quero " * 600, "a" * 4000, "nao " * 1000):
        routing.small_talk(flood)
        routing.wants_person(flood)
        routing.route(flood, ALL)

    assert time.thread_time() - began < 5


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    routing.small_talk(text)
    routing.wants_person(text)
    routing.route(text, ALL)


@pytest.mark.parametrize(
    "text",
    [
        "cadê meu pedido 48213",
        "Onde está a minha encomenda?",
        "qual o horário da minha consulta de quinta?",
        "que horas é a minha aula amanhã",
        "quando chega meu pedido",
        "quanto eu devo?",
        "quantas aulas eu ainda tenho no pacote",
        "quanto falta pra eu quitar meu tratamento",
        "meu boleto de maio já foi pago?",
        "já saiu o resultado do meu exame?",
        "meu pagamento de ontem caiu?",
        "status do meu chamado",
        "minha reserva nº 10294 está de pé?",
        "oi\nqual o meu vencimento",
        "where is my order?",
    ],
)
def test_what_only_the_own_record_answers_is_seen(text: str) -> None:
    assert routing.about_own_account(text)


@pytest.mark.parametrize(
    "text",
    [
        "quanto tempo tenho pra trocar?",
        "quantos dias eu tenho para devolver",
        "meu cartão foi recusado, perdi a compra?",
        "meu código venceu, e agora?",
        "tenho 3 filhos, qual o desconto?",
        "quando posso levar meu filho?",
        "minha filha já foi aluna, paga matrícula?",
        "quero cancelar meu plano, como faço?",
        "qual a melhor ração do meu cachorro filhote",
        "qual o prazo de entrega?",
        "posso pagar com meu convênio?",
        "meu filho nasceu em 2019, em que turma fica?",
    ],
)
def test_a_rule_that_touches_something_of_theirs_is_left_to_the_documents(text: str) -> None:
    assert not routing.about_own_account(text)
