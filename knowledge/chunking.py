"""From blocks to chunks: cut by structure, each with the titles that it stands under."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

from knowledge import text
from knowledge.types import (
    Block,
    ChunkKind,
    Draft,
    Heading,
    Paragraph,
    Problem,
    Row,
    Unreadable,
)

# In characters. Measured: larger chunks find as often, but send more text for the same answer.
MAX_BODY = 450
MAX_PATH = 300
MAX_TITLE = 160
# Embedding them takes minutes; more is not a document but an archive.
MAX_CHUNKS = 10_000
PATH_SEPARATOR = " > "

_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_CODE = re.compile(r"[A-Z]{1,4}[-./]?\d+")
_DASHES = {"-", "–", "—", "--"}
_MONEY_NAME = re.compile(
    r"\b(?:valor|valores|preco|precos|price|prices|mensalidade|mensalidades|anuidade|anuidades|"
    r"taxa|taxas|tarifa|tarifas|parcela|parcelas|custo|custos|cost|frete)\b|r\$|^reais$"
)
_OTHER_MONEY = re.compile(r"\b(?:usd|eur|gbp|dolar|dolares|euro|euros)\b|us\$|[€£%]|percentual")
_PRICE_NAME = re.compile(r"\b(?:preco|precos|price|prices|reais)\b|r\$")
# Weighed, counted or measured, although "valor", "taxa" or "frete" may name money as well. A unit
# says so unless the money is for one, or for so many, of it: "frete por kg", "entrega até 3 km".
_QUANTITY_NAME = re.compile(
    r"\bvalor(?:es)? (?:de )?(?:ref(?:erencia)?\b|energetic|caloric|nutriciona)|"
    r"\btaxas? (?:ao (?:mes|ano)|d[aeo]s? (?:juros|ocupacao|conversao|desconto|aprovacao|sucesso|"
    r"crescimento))\b|"
    r"(?<!por )(?<!do )(?<!pelo )(?<![\d/])(?<![\d/] )\b(?:kg|g|mg|mcg|ml|km|kcal)\b"
)
# What a kilogram or a kilometre costs, as the sheets of butchers and carriers name it. In brackets
# or before a slash it stays a unit: "Frete (kg)" may be a weight, "Valor kg/m²" a pressure.
_UNIT_PRICE_NAME = re.compile(
    r"\b(?:valor|valores|custo|custos|frete|tarifa)"
    r"(?: (?:unitario|medio|venda|atacado|varejo|promocional))? (?:kg|km)\b(?! ?/)"
)
_AMOUNT = re.compile(
    r"(?<![\w.,/$%])(\d{1,3}(?:\.\d{3})+,\d{2}|\d+,\d{2}|\d+\.\d{2})(?![\w.,/%]|\s*%)"
)


def cut(
    blocks: Iterable[Block], *, name: str, phrasings: Sequence[str] = (), is_faq: bool = False
) -> list[Draft]:
    """Cut the blocks of one document into chunks, in order, without repeated ones.

    Args:
        name: the file's name; it is the title of what stands under no other.
        phrasings: other ways of asking for each question and answer.
        is_faq: the document is one question and its answer, however the question ends.

    Raises:
        Unreadable: nothing to search in it, or more than `MAX_CHUNKS` chunks.
    """
    title = title_of(name)
    drafts: list[Draft] = []
    seen: set[bytes] = set()
    for path, section in _sections(blocks):
        is_answer = is_faq or _asks(path)
        for draft in _cut_section(_join_path(path, title), section, is_faq=is_answer):
            if draft.kind is ChunkKind.FAQ and phrasings:
                draft = replace(draft, phrasings=tuple(phrasings))
            key = sha256(text.fold(draft.heading_path + "\n" + draft.body).encode()).digest()
            if key not in seen:
                seen.add(key)
                drafts.append(draft)
        if len(drafts) > MAX_CHUNKS:
            raise Unreadable(Problem.TOO_LONG)
    if not drafts:
        raise Unreadable(Problem.NO_TEXT)
    return drafts


def title_of(name: str) -> str:
    """Return a file's name as a person would say it: ``tabela_precos.csv`` is "tabela precos"."""
    stem, _, extension = name.rpartition(".")
    return text.one_line(re.sub(r"[_\-]+", " ", stem or extension))[:MAX_TITLE]


def embedding_text(draft: Draft) -> str:
    """Return what is embedded: the two innermost titles and the body, in lower case.

    What a row is about is the innermost title of that row. Lower case makes the model deaf to how
    people type; more titles drown the body.
    """
    titles = draft.heading_path.split(PATH_SEPARATOR)
    if draft.kind is ChunkKind.ROW:
        titles.append(_subject(draft.body))
    return f"{PATH_SEPARATOR.join(titles[-2:])}. {draft.body}".lower()


def indexed_text(draft: Draft) -> str:
    """Return what the words are taken from: all titles, the innermost twice, and the body."""
    innermost = draft.heading_path.rpartition(PATH_SEPARATOR)[2]
    return f"{draft.heading_path} {innermost} {draft.body}"


def _subject(row: str) -> str:
    """Return what a row is about: its first value that is neither a number nor a code."""
    values = [part.partition(": ")[2] or part for part in row.split("; ")]
    words = (value for value in values if text.words(value) and not _CODE.fullmatch(value))
    return next((value for value in words if any(map(str.isalpha, value))), values[0])


def row_sentence(row: Row) -> str:
    """Return a row as one line, each value after the name of its column."""
    return "; ".join(_row_parts(row))


def _sections(blocks: Iterable[Block]) -> Iterator[tuple[tuple[str, ...], list[Paragraph | Row]]]:
    """Return what stands under each title, with the path of titles to it.

    A title that only another title of its rank follows says something by itself: it is text.
    """
    stack: list[Heading] = []
    section: list[Paragraph | Row] = []
    is_lone = False
    for block in blocks:
        if not isinstance(block, Heading):
            section.append(block)
            is_lone = False
            continue
        if is_lone and stack and stack[-1].level >= block.level:
            lone = stack.pop()
            section = [Paragraph(text=lone.text, page=lone.page)]
        if section:
            yield tuple(heading.text for heading in stack), section
            section = []
        while stack and stack[-1].level >= block.level:
            stack.pop()
        stack.append(block)
        is_lone = True
    if is_lone and stack:
        lone = stack.pop()
        section = [Paragraph(text=lone.text, page=lone.page)]
    if section:
        yield tuple(heading.text for heading in stack), section


def _join_path(path: Sequence[str], title: str) -> str:
    titles = [text.one_line(one.replace(">", " "))[:MAX_TITLE] for one in path] or [title]
    while len(titles) > 2 and len(PATH_SEPARATOR.join(titles)) > MAX_PATH:
        titles.pop(1)
    return PATH_SEPARATOR.join(titles)


def _asks(path: Sequence[str]) -> bool:
    return bool(path) and path[-1].endswith("?")


def _cut_section(path: str, section: Sequence[Paragraph | Row], *, is_faq: bool) -> Iterator[Draft]:
    waiting: list[Paragraph] = []
    kind = ChunkKind.FAQ if is_faq else ChunkKind.TEXT
    for block in section:
        if isinstance(block, Paragraph):
            waiting.append(block)
            continue
        yield from _pack(path, waiting, kind=kind)
        waiting = []
        for body in _cut_row(block):
            yield Draft(heading_path=path, body=body, kind=ChunkKind.ROW, page=block.page)
    yield from _pack(path, waiting, kind=kind)


def _pack(path: str, paragraphs: Sequence[Paragraph], *, kind: ChunkKind) -> Iterator[Draft]:
    """Join short neighbours up to the limit; a chunk never begins inside a sentence that fits."""
    body, page = "", None
    for paragraph in paragraphs:
        for piece in _split(paragraph.text):
            if body and len(body) + 1 + len(piece) > MAX_BODY:
                yield Draft(heading_path=path, body=body, kind=kind, page=page)
                body = ""
            if not body:
                page = paragraph.page
            body = f"{body}\n{piece}" if body else piece
    if body:
        yield Draft(heading_path=path, body=body, kind=kind, page=page)


def _split(paragraph: str) -> Iterator[str]:
    """Cut a paragraph that is too long between sentences, else between words, else anywhere."""
    if len(paragraph) <= MAX_BODY:
        yield paragraph
        return
    held = ""
    for sentence in _SENTENCE.split(paragraph):
        for piece in _split_words(sentence):
            if held and len(held) + 1 + len(piece) > MAX_BODY:
                yield held
                held = ""
            held = f"{held} {piece}" if held else piece
    if held:
        yield held


def _split_words(sentence: str) -> Iterator[str]:
    at = 0
    while len(sentence) - at > MAX_BODY:
        space = sentence.rfind(" ", at + MAX_BODY // 2, at + MAX_BODY)
        end = space if space > 0 else at + MAX_BODY
        yield sentence[at:end].strip()
        at = end
    if rest := sentence[at:].strip():
        yield rest


def _cut_row(row: Row) -> Iterator[str]:
    """Return a row as one body; a very wide one as several that all begin with its first value."""
    parts = _row_parts(row)
    body, first = "", ""
    for part in parts:
        for piece in _split(part):
            if body and len(body) + 2 + len(piece) > MAX_BODY:
                yield body
                is_room = len(first) + 2 + len(piece) <= MAX_BODY
                body = first if is_room else ""
            body = f"{body}; {piece}" if body else piece
        first = first or part[: MAX_BODY // 3]
    if body:
        yield body


def _row_parts(row: Row) -> list[str]:
    parts = []
    for at, cell in enumerate(row.cells):
        column = row.columns[at].replace("_", " ").strip() if at < len(row.columns) else ""
        value = cell.strip()
        if not value or value in _DASHES:
            continue
        if names_money(column):
            value = with_currency(value)
        parts.append(f"{column}: {value}" if column else value)
    return parts


def names_money(column: str) -> bool:
    """Test whether a column's name says that it holds amounts in reais."""
    folded = text.fold(column).replace("_", " ").strip()
    if not _MONEY_NAME.search(folded) or _OTHER_MONEY.search(folded):
        return False
    is_price = _PRICE_NAME.search(folded) or _UNIT_PRICE_NAME.search(folded)
    return bool(is_price) or not _QUANTITY_NAME.search(folded)


def with_currency(value: str) -> str:
    """Return `value` with R$ before each amount that has none, such as "2x R$ 110,00"."""
    if re.search(r"[$€£]", value):
        return value
    return _AMOUNT.sub(r"R$ \1", value)
