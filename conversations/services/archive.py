"""Finding archived conversations again by words, whatever accents or typos they have.

The words of a conversation are kept as stems, made as those of the knowledge are. A word that is
looked for is compared with all stems of the archive, and stands for those that are nearly it too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from rapidfuzz import process
from rapidfuzz.distance import OSA

from conversations.models import ArchiveText, Contact, ContactAddress, Conversation
from knowledge import text as stems

MAX_WORD = 60

MAX_TERMS = 12
"""Words of one search; the rest of a pasted text would only find less."""

MAX_NEAR = 25
"""Stems that one word stands for beside itself, the nearest first."""

SLIP_FROM = 4
"""Letters of a stem from which one wrong letter still means the same word, and from twice as many
two; in shorter ones a letter makes another word."""


def index(conversation: Conversation, texts: Iterable[str]) -> None:
    """Keep by what words a conversation is found; joins the caller's transaction."""
    found = _stems(texts)
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into conversations_archivetext (conversation_id, lexemes)"
            " values (%s, array_to_tsvector(%s::text[]))"
            " on conflict (conversation_id) do update set lexemes = excluded.lexemes",
            [conversation.pk, found],
        )
    _know(found)


def add_name(contact: Contact) -> None:
    """Have what is over of a contact found by their present name, too; joins the transaction."""
    found = _stems([contact.name])
    with connection.cursor() as cursor:
        cursor.execute(
            "update conversations_archivetext as t"
            " set lexemes = t.lexemes || array_to_tsvector(%s::text[])"
            " from conversations_conversation c"
            " where c.id = t.conversation_id and c.contact_id = %s",
            [found, contact.pk],
        )
    _know(found)


def _stems(texts: Iterable[str]) -> list[str]:
    return sorted(
        {stem[:MAX_WORD] for one in texts for stem in stems.lexemes(one.replace("\x00", ""))}
    )


def _know(words: Sequence[str]) -> None:
    """Keep the words that others may be typos of."""
    with connection.cursor() as cursor:
        # In order, so that two conversations with the same words do not wait in a circle.
        cursor.execute(
            "insert into conversations_archiveword (word)"
            " select word from unnest(%s::text[]) as word order by word on conflict do nothing",
            [[word for word in words if not word.isdigit()]],
        )


def search(rows: QuerySet[Conversation], text: str) -> QuerySet[Conversation]:
    """Return the conversations that hold each of some words, or words that are nearly them.

    Those that hold the words as they are typed come first. A number finds phones, too.
    """
    terms = list(dict.fromkeys(stem[:MAX_WORD] for stem in stems.lexemes(text)))[:MAX_TERMS]
    if not terms:
        return rows
    near = _near(terms)
    query = " & ".join(f"({' | '.join(_alternatives(one, near[one]))})" for one in terms)
    matches = Q(pk__in=_with(query))
    digits = "".join(sign for sign in text if sign.isdigit())
    if len(digits) >= 4 and not any(sign.isalpha() for sign in text):
        known = ContactAddress.objects.filter(value__contains=digits)
        matches |= Q(contact__in=known.values("contact"))
    exact = " & ".join(f"'{one}'" for one in terms)
    is_exact = Case(
        When(pk__in=_with(exact), then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    return rows.filter(matches).annotate(is_near=is_exact).order_by("is_near", "-closed_at", "-pk")


def _with(query: str) -> QuerySet[ArchiveText, int]:
    """Return the conversations that match; a set of its own, which the index alone answers.

    Asked of each row instead, the words of tens of thousands of conversations would be unpacked.
    """
    wanted = SearchQuery(query, search_type="raw", config="simple")
    return ArchiveText.objects.filter(lexemes=wanted).values_list("conversation_id", flat=True)


def _alternatives(term: str, near: Sequence[str]) -> list[str]:
    # Letters and digits only, as the stemming leaves them: nothing to escape. What is typed may be
    # the beginning of a word.
    begins = f"'{term}':*" if len(term) >= SLIP_FROM else f"'{term}'"
    return [begins, *(f"'{one}'" for one in near)]


def _near(terms: Sequence[str]) -> dict[str, list[str]]:
    """Return the stems of the archive that are nearly each term; one query."""
    wanted = {one: _slips(one) for one in terms}
    lengths = [len(one) for one, slips in wanted.items() if slips]
    if not lengths:
        return {one: [] for one in terms}
    with connection.cursor() as cursor:
        cursor.execute(
            "select word from conversations_archiveword where length(word) between %s and %s",
            [min(lengths) - 2, max(lengths) + 2],
        )
        words = [word for (word,) in cursor.fetchall()]
    found: dict[str, list[str]] = {}
    for term, slips in wanted.items():
        alike = process.extract(
            term, words, scorer=OSA.distance, score_cutoff=slips, limit=MAX_NEAR + 1
        )
        found[term] = [word for word, distance, _place in alike if 0 < distance <= slips][:MAX_NEAR]
    return found


def _slips(term: str) -> int:
    if term.isdigit() or len(term) < SLIP_FROM:
        return 0
    return 1 if len(term) < 2 * SLIP_FROM else 2
