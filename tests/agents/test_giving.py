"""What contacts give of themselves, and what is nobody's or another's."""

from __future__ import annotations

import pytest

from agents.runtime import giving, slots


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("me chamo Ana Souza, quanto custa?", {"name": "Ana Souza"}),
        ("Meu nome é joana e quero marcar", {"name": "joana"}),
        ("meu email é ana.souza@example.com", {"email": "ana.souza@example.com"}),
        ("me liga no (11) 98888-7777", {"phone": "(11) 98888-7777"}),
        ("11 98888-7777", {"phone": "11 98888-7777"}),
        ("meu cpf é 529.982.247-25", {"cpf": "***.982.247-**"}),
        ("nasci em 12/03/1990", {"birthday": "12/03/1990"}),
        ("cadê o pedido nº 48213?", {"order": "48213"}),
        ("o protocolo é AB-10293", {"order": "AB-10293"}),
        ("moro na Rua das Flores, 120", {"address": "Rua das Flores, 120"}),
        # Of others, of nobody, or of too many.
        ("o telefone da minha mãe é 11 98888-7777", {}),
        ("o cpf do meu marido é 529.982.247-25", {}),
        ("vocês ficam na Rua das Flores, 120?", {}),
        ("é 3333-4444 ou (11) 98888-7777 o número de vocês?", {}),
        ("a@example.com e b@example.com", {}),
        ("quanto custa a limpeza?", {}),
        ("", {}),
    ],
)
def test_what_a_message_gives(text: str, expected: dict[str, str]) -> None:
    assert {one.kind: one.value for one in giving.given(text)} == expected


@pytest.mark.parametrize("text", ["Ana Souza", "ana", "João da Silva."])
def test_a_name_alone_counts_where_it_was_asked_for(text: str) -> None:
    asked = giving.asked_kinds("Claro! Qual é o seu nome completo?")

    assert asked == ("name",)
    assert [one.kind for one in giving.given(text, asked=asked)] == ["name"]
    assert giving.given(text) == []


@pytest.mark.parametrize("text", ["não", "prefiro não dizer", "oi", "quanto custa?"])
def test_an_answer_that_is_no_name_is_none(text: str) -> None:
    assert giving.given(text, asked=("name",)) == []


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Qual é o seu e-mail?", ""),
        ("A limpeza custa R$ 220,00. Qual é o seu e-mail?", "A limpeza custa R$ 220,00."),
        ("Me informe seu e-mail, por favor.\nObrigada!", "Obrigada!"),
        ("Pode me passar o seu telefone?", "Pode me passar o seu telefone?"),
        ("Seu e-mail é ana@example.com, certo?", "Seu e-mail é ana@example.com, certo?"),
        ("Enviamos tudo para o seu e-mail.", "Enviamos tudo para o seu e-mail."),
    ],
)
def test_what_is_known_is_not_asked_again(text: str, rest: str) -> None:
    asked = slots.asked_again(text, {"email": "ana@example.com"})

    assert slots.without(text, asked) == rest
