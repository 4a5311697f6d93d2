from __future__ import annotations

import json

from knowledge import question_files

GOOD = {
    "id": "A1",
    "tenant": "loja",
    "type": "answerable",
    "question": "abre domingo?",
    "history": [],
    "standalone": "abre domingo?",
    "docs": ["faq.md"],
    "evidence": [{"doc": "faq.md", "quote": "Não abrimos aos domingos."}],
    "key_facts": [["não"]],
}


def lines(*rows: object) -> bytes:
    return "\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows).encode()


def test_the_schema_of_the_kit_is_read_as_it_is() -> None:
    read = question_files.read(b"\xef\xbb\xbf" + lines(GOOD) + b"\r\n\r\n")

    assert not read.bad_lines
    assert read.questions[0].id == "A1"
    assert read.questions[0].evidence[0].quote == "Não abrimos aos domingos."


def test_bad_lines_are_told_with_number_and_reason_and_keep_nothing_back() -> None:
    read = question_files.read(
        lines(
            GOOD,
            "{not json",
            {**GOOD, "id": "A2", "evidence": []},
            {**GOOD, "id": "A1"},
            {**GOOD, "id": "F1", "type": "followup"},
            {**GOOD, "id": "X", "type": "other"},
            "",
            {**GOOD, "id": "U1", "type": "unanswerable", "evidence": [], "reason": "off_topic"},
        )
    )

    assert [one.id for one in read.questions] == ["A1", "U1"]
    assert [bad.number for bad in read.bad_lines] == [2, 3, 4, 5, 6]
    assert all(bad.reason for bad in read.bad_lines)
    assert "type" in read.bad_lines[4].reason


def test_a_sign_that_ends_lines_elsewhere_may_stand_in_a_question() -> None:
    raw = json.dumps({**GOOD, "question": "um\u2028dois"}, ensure_ascii=False).encode()

    assert question_files.read(raw).questions[0].question == "um\u2028dois"


def test_bytes_that_are_no_text_are_a_bad_line() -> None:
    read = question_files.read(b"\xff\xfe{}\n" + lines(GOOD))

    assert len(read.questions) == 1
    assert read.bad_lines[0].number == 1
