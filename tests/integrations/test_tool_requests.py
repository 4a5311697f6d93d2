from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from integrations.http import Response
from integrations.services import tool_requests
from integrations.services.tool_requests import Definition, Parameter
from integrations.services.tool_values import BadArguments, Kind, Known, NotKnown, Source

KNOWN = Known(
    phone="5511988887777",
    name="Ana",
    contact_uuid="c-1",
    said=("meu pedido é o a-991, CPF 529.982.247-25", "quero 2 pizzas"),
)
TOOL = Definition(None, "t", "d", "POST", "https://erp.example/x")


def tool(*parameters: Parameter, **changes: object) -> Definition:
    return replace(TOOL, parameters=parameters, **changes)  # type: ignore[arg-type]


def test_identity_comes_from_code_and_a_model_may_not_name_it() -> None:
    booking = tool(Parameter("day"), Parameter("phone", source=Source.PHONE))

    assert tool_requests.arguments(booking, {"day": "segunda"}, KNOWN) == {
        "day": "segunda",
        "phone": "5511988887777",
    }
    with pytest.raises(BadArguments, match="no parameter phone"):
        tool_requests.arguments(booking, {"day": "x", "phone": "5511900000000"}, KNOWN)
    assert booking.schema() == {
        "type": "object",
        "properties": {"day": {"type": "string"}},
        "required": ["day"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("value", ["A-991", "a991", "A 991", "52998224725", 2])
def test_what_the_contact_wrote_may_be_named(value: object) -> None:
    asked = tool(Parameter("v", source=Source.SAID))

    assert tool_requests.arguments(asked, {"v": value}, KNOWN)


@pytest.mark.parametrize("value", ["A-992", "991", "99", 3, "", "---"])
def test_what_the_contact_never_wrote_is_refused(value: object) -> None:
    asked = tool(Parameter("v", source=Source.SAID))

    with pytest.raises(BadArguments):
        tool_requests.arguments(asked, {"v": value}, KNOWN)


@pytest.mark.parametrize(
    ("value", "text", "is_taken"),
    [
        pytest.param(49.9, "pode dar R$ 49,90 de desconto", True, id="a zero at the end"),
        pytest.param("49.90", "R$ 49,90", True, id="a text"),
        pytest.param(1234.5, "1.234,50", True, id="thousands"),
        pytest.param(0.5, "0,50", True, id="cents"),
        pytest.param(49.95, "US$ 49.95.", True, id="a point"),
        pytest.param(1500, "R$ 1.500,00", True, id="whole"),
        pytest.param(49.9, "o pedido 499", False, id="ten times as much"),
        pytest.param(49.95, "o pedido 4995", False, id="no point"),
        pytest.param(1500.5, "15.005", False, id="another point"),
        pytest.param(49.9, "49,95", False, id="more"),
    ],
)
def test_an_amount_is_taken_as_the_contact_wrote_it(
    value: object, text: str, is_taken: bool
) -> None:
    asked = tool(Parameter("v", kind=Kind.NUMBER, source=Source.SAID))
    known = replace(KNOWN, said=(text,))

    if is_taken:
        assert tool_requests.arguments(asked, {"v": value}, known) == {"v": float(str(value))}
        return
    with pytest.raises(BadArguments):
        tool_requests.arguments(asked, {"v": value}, known)


def test_what_is_not_known_of_the_contact_is_said() -> None:
    asked = tool(Parameter("e", source=Source.EMAIL))

    with pytest.raises(NotKnown, match="e-mail"):
        tool_requests.arguments(asked, {}, KNOWN)


@pytest.mark.parametrize(
    ("parameter", "given", "found"),
    [
        (Parameter("v", Kind.INTEGER, minimum=1, maximum=5), 5.0, 5),
        (Parameter("v", Kind.NUMBER), "2.5", 2.5),
        (Parameter("v", Kind.BOOLEAN), True, True),
        (Parameter("v", choices=("Manhã", "Tarde")), "manha", "Manhã"),
        (Parameter("v", Kind.INTEGER, choices=("1", "2")), 2, 2),
        (Parameter("v", source=Source.FIXED, value="loja-1"), None, "loja-1"),
    ],
)
def test_values_are_of_their_kind(parameter: Parameter, given: object, found: object) -> None:
    arguments = {} if given is None else {"v": given}

    assert tool_requests.arguments(tool(parameter), arguments, KNOWN) == {"v": found}


@pytest.mark.parametrize(
    ("parameter", "given"),
    [
        (Parameter("v", Kind.INTEGER, maximum=5), 6),
        (Parameter("v", Kind.INTEGER), 1.5),
        (Parameter("v", Kind.INTEGER), True),
        (Parameter("v", Kind.NUMBER), "1e9"),
        (Parameter("v", Kind.NUMBER), "nan"),
        (Parameter("v", Kind.BOOLEAN), "talvez"),
        (Parameter("v", choices=("a", "b")), "c"),
        (Parameter("v"), ["a"]),
        (Parameter("v"), {"a": 1}),
        (Parameter("v"), "a\x00b"),
        (Parameter("v"), "x" * 501),
        (Parameter("v"), "[CPF_1]"),
        (Parameter("v"), None),
    ],
)
def test_what_is_of_another_kind_is_refused(parameter: Parameter, given: object) -> None:
    with pytest.raises(BadArguments):
        tool_requests.arguments(tool(parameter), {"v": given}, KNOWN)


@pytest.mark.parametrize("text", ["👩‍⚕️ às 15h", "obrigada 🩷", "می‌خواهم", "שלום", "José"])
def test_what_people_type_is_plain_text(text: str) -> None:
    asked = tool(Parameter("v"), Parameter("w", Kind.JSON))

    given = {"v": text, "w": [text]}

    assert tool_requests.arguments(asked, given, KNOWN) == given


@pytest.mark.parametrize("text", ["a\x00", "a\x1b[0m", "a\u202eb", "a\U000e0041", "\ud83d"])
def test_what_nobody_sees_is_none(text: str) -> None:
    for kind, given in ((Kind.TEXT, text), (Kind.JSON, [text])):
        with pytest.raises(BadArguments):
            tool_requests.arguments(tool(Parameter("v", kind)), {"v": given}, KNOWN)


@pytest.mark.parametrize("given", [[float("nan")], {"n": float("inf")}, "[1e999]"])
def test_a_number_that_json_does_not_know_is_refused(given: object) -> None:
    with pytest.raises(BadArguments):
        tool_requests.arguments(tool(Parameter("v", Kind.JSON)), {"v": given}, KNOWN)


def test_values_stay_where_they_belong_in_an_address() -> None:
    asked = replace(TOOL, method="GET", url="https://erp.example/orders/{order}?a=1")

    sent = tool_requests.request(asked, {"order": "../x?y#z/ã", "all": True}, key="k")

    assert sent.url == "https://erp.example/orders/..%2Fx%3Fy%23z%2F%C3%A3?a=1&all=true"
    assert sent.json is None
    assert "idempotency-key" not in sent.headers
    for value in ("..", ".", ""):
        with pytest.raises(BadArguments):
            tool_requests.request(asked, {"order": value}, key="k")


def test_a_change_sends_json_with_its_key_and_who_asks() -> None:
    changing = replace(TOOL, risk="write", auth_kind="basic", auth_name="ana", secret="s3")

    sent = tool_requests.request(changing, {"day": "x"}, key="k-1")

    assert sent.json == {"day": "x"}
    assert sent.headers["idempotency-key"] == "k-1"
    assert sent.headers["authorization"] == f"Basic {base64.b64encode(b'ana:s3').decode()}"
    bearer = tool_requests.request(replace(TOOL, auth_kind="bearer", secret="t"), {}, key="")
    assert bearer.headers["authorization"] == "Bearer t"
    named = replace(TOOL, auth_kind="header", auth_name="X-Key", secret="t")
    assert tool_requests.request(named, {}, key="").headers["X-Key"] == "t"
    assert "s3" not in repr(changing)
    assert "k-1" not in repr(sent)


BODY = b"""{"key": "x", "data": {"slots": [
    {"id": 7, "at": "15:00", "cost": 3}, {"id": 8, "at": "16:00"}
]}}"""


@pytest.mark.parametrize(
    ("shows", "body", "found"),
    [
        (
            (("data.slots.id", ""), ("data.slots.at", "hora")),
            BODY,
            '{"data": {"slots": [{"id": 7, "hora": "15:00"}, {"id": 8, "hora": "16:00"}]}}',
        ),
        ((("data.nothing", ""),), BODY, ""),
        ((("key", ""),), b"no json", ""),
        ((), b"  Ola  ", "Ola"),
        ((), b'{"a": [1, 2]}', '{"a": [1, 2]}'),
        ((), b"", ""),
        ((), b"\xff\x00", "\ufffd"),
    ],
)
def test_a_model_sees_what_it_may_of_an_answer(shows: object, body: bytes, found: str) -> None:
    seen = replace(TOOL, shows=shows)  # type: ignore[arg-type]

    assert tool_requests.shown(seen, Response(200, {}, body)) == found


@pytest.mark.parametrize("shows", [(), (("a.a", ""),)])
@pytest.mark.parametrize("n_deep", [900, 20_000])
@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_an_answer_that_is_nested_for_ever_does_no_harm(
    shows: object, n_deep: int, opening: bytes, closing: bytes
) -> None:
    body = opening * n_deep + b"1" + closing * n_deep
    seen = replace(TOOL, shows=shows)

    assert len(tool_requests.shown(seen, Response(200, {}, body))) <= tool_requests.MAX_SHOWN


def test_half_of_a_pair_in_an_answer_can_be_stored() -> None:
    text = tool_requests.shown(TOOL, Response(200, {}, b'{"a": "\\ud800"}'))

    assert text.encode() == b'{"a": "?"}'


def test_long_answers_are_cut() -> None:
    body = b"[" + b",".join(b'{"a": 1}' for _ in range(500)) + b"]"

    text = tool_requests.shown(TOOL, Response(200, {}, body))

    assert text.count('"a"') == tool_requests.MAX_LISTED
