"""Who hands to whom, placed as a drawing: plain numbers, no picture library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agents.models import Agent
from agents.types import AgentKind

_LAYERS: Mapping[str, int] = {
    AgentKind.PERSONAL: 0,
    AgentKind.GENERAL: 0,
    AgentKind.SPECIALIST: 1,
    AgentKind.INTEGRATION: 1,
    AgentKind.HUMAN: 2,
}
"""Where contacts come in, what is passed to, and people, with whom everything can end."""

N_LAYERS = 3


@dataclass(frozen=True, slots=True)
class MapAgent:
    """An agent as the map shows it; `answers` is whether it is on and was published."""

    pk: int
    name: str
    kind: str
    kind_label: str
    answers: bool


@dataclass(frozen=True, slots=True)
class Link:
    """A way from an agent to another one; `is_draft` where it is not published yet."""

    source: int
    target: int
    is_draft: bool = False


@dataclass(frozen=True, slots=True)
class AgentMap:
    """All agents by layer, and the ways between them."""

    layers: tuple[tuple[MapAgent, ...], ...]
    links: tuple[Link, ...]

    @property
    def agents(self) -> dict[int, MapAgent]:
        """All agents by their ids."""
        return {one.pk: one for layer in self.layers for one in layer}


def read() -> AgentMap:
    """Return the agents and handoffs, of drafts and as they are published; three queries."""
    rows = list(
        Agent.objects.select_related("published_version")
        .prefetch_related("handoffs")
        .order_by("name", "pk")
    )
    by_uuid = {str(one.uuid): one.pk for one in rows}
    layers: list[list[MapAgent]] = [[] for _ in range(N_LAYERS)]
    links: list[Link] = []
    for one in rows:
        published = one.published_version
        answers = one.is_active and published is not None
        layers[_LAYERS[one.kind]].append(
            MapAgent(one.pk, one.name, one.kind, str(one.get_kind_display()), answers)
        )
        known = [] if published is None else published.snapshot["handoffs"]
        now = [by_uuid[found["uuid"]] for found in known if found["uuid"] in by_uuid]
        links += [Link(one.pk, target) for target in now]
        links += [
            Link(one.pk, target.pk, is_draft=True)
            for target in one.handoffs.all()
            if target.pk not in now
        ]
    return AgentMap(tuple(tuple(layer) for layer in layers), tuple(links))


@dataclass(frozen=True, slots=True)
class Box:
    """An agent on the drawing, in its units; `lines` is its name as it fits."""

    agent: MapAgent
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """A way as a path of SVG."""

    link: Link
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of the map."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...] = field(repr=False)


def draw(found: AgentMap, *, is_wide: bool) -> Drawing:
    """Place the map: its layers side by side, or for a phone one below the other.

    Args:
        is_wide: of 960 units and more; else of 340.
    """
    boxes = _beside(found) if is_wide else _below(found)
    layer_of = {one.pk: place for place, layer in enumerate(found.layers) for one in layer}
    placed = {one.agent.pk: one if is_wide else _turned(one) for one in boxes}
    passed = [one for pk, one in placed.items() if layer_of[pk] == 1]
    edge = max((one.y + one.height for one in passed), default=0)
    arrows, reach = [], 0.0
    for nth, link in enumerate(found.links):
        if link.source not in placed or link.target not in placed:
            continue
        a, b = placed[link.source], placed[link.target]
        shift = (nth % 5 - 2) * 7  # so that arrows which meet in a box can be told apart
        if passed and abs(layer_of[link.source] - layer_of[link.target]) > 1:
            path, far = _around(a, b, shift, edge=edge)
            reach = max(reach, far)
        else:
            path = _across(a, b, shift)
        arrows.append(Arrow(link, path if is_wide else _swap(path)))
    right = max(960 if is_wide else 340, 0 if is_wide else reach + 12)
    bottom = max((one.y + one.height for one in boxes), default=0)
    bottom = max(bottom, reach if is_wide else 0)
    return Drawing(right, bottom + 24, boxes, tuple(arrows))


_BOX, _TALL = 220.0, 64.0


def _beside(found: AgentMap) -> tuple[Box, ...]:
    most = max((len(layer) for layer in found.layers), default=0)
    height = most * (_TALL + 32)
    boxes = []
    for column, layer in enumerate(found.layers):
        top = 24 + (height - len(layer) * (_TALL + 32)) / 2
        for row, one in enumerate(layer):
            x, y = 20 + column * 350, top + row * (_TALL + 32)
            boxes.append(Box(one, x, y, _BOX, _TALL, _fit(one.name, 24)))
    return tuple(boxes)


def _below(found: AgentMap) -> tuple[Box, ...]:
    boxes, y = [], 24.0
    for layer in found.layers:
        for place, one in enumerate(layer):
            row, column = divmod(place, 2)
            is_alone = place == len(layer) - 1 and column == 0
            x = 95.0 if is_alone else 12 + column * 164
            boxes.append(Box(one, x, y + row * 108, 152, _TALL, _fit(one.name, 16)))
        y += ((len(layer) + 1) // 2) * 108 + (24 if layer else 0)
    return tuple(boxes)


def _fit(name: str, width: int) -> tuple[str, ...]:
    """Return a name in up to two lines."""
    words, lines = name.split(), [""]
    for word in words:
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    shown = lines[:2] if len(lines) <= 2 else [lines[0], f"{lines[1]} …"]
    return tuple(one if len(one) <= width + 2 else f"{one[: width + 1]}…" for one in shown)


def _turned(box: Box) -> Box:
    return Box(box.agent, box.y, box.x, box.height, box.width, box.lines)


def _swap(path: str) -> str:
    """Return a path with its axes exchanged."""
    out = []
    for token in path.split(" "):
        letter = token[0] if token[0].isalpha() else ""
        x, y = token.removeprefix(letter).split(",")
        out.append(f"{letter}{y},{x}")
    return " ".join(out)


def _across(a: Box, b: Box, shift: float) -> str:
    start_y, end_y = a.y + a.height / 2 + shift, b.y + b.height / 2 + shift
    if abs(a.x - b.x) < a.width / 2:  # the same layer: round the side
        start_x, end_x = a.x + a.width, b.x + b.width + 4
        bend = min(60.0, 24 + abs(a.y - b.y) / 4)
        return _path(
            (start_x, start_y), (start_x + bend, start_y), (end_x + bend, end_y), (end_x, end_y)
        )
    if a.x < b.x:
        start_x, end_x = a.x + a.width, b.x - 4
    else:
        start_x, end_x = a.x, b.x + b.width + 4
    middle = (start_x + end_x) / 2
    return _path((start_x, start_y), (middle, start_y), (middle, end_y), (end_x, end_y))


def _around(a: Box, b: Box, shift: float, *, edge: float) -> tuple[str, float]:
    """Return a way round the layer between two boxes, and how far out it goes.

    Args:
        edge: where that layer ends.
    """
    start_y, end_y = a.y + a.height / 2 + shift, b.y + b.height / 2 + shift
    middle = min(start_y, end_y)
    # Where a curve of these four points meets the layer's corner, the lane counts for 0.59 of it.
    lane = (edge + 12 + shift - 0.41 * middle) / 0.59
    if a.x < b.x:
        start_x, end_x, out = a.x + a.width, b.x - 4, 80.0
    else:
        start_x, end_x, out = a.x, b.x + b.width + 4, -80.0
    path = _path((start_x, start_y), (start_x + out, lane), (end_x - out, lane), (end_x, end_y))
    return path, 0.125 * (start_y + end_y) + 0.75 * lane


def _path(*points: tuple[float, float]) -> str:
    (x, y), *rest = points
    curve = " ".join(f"{px:.0f},{py:.0f}" for px, py in rest)
    return f"M{x:.0f},{y:.0f} C{curve}"


def in_words(found: AgentMap) -> Sequence[tuple[MapAgent, tuple[tuple[MapAgent, bool], ...]]]:
    """Return each agent with those it hands to, and whether that is not published yet."""
    agents = found.agents
    return [
        (
            one,
            tuple(
                (agents[link.target], link.is_draft)
                for link in found.links
                if link.source == one.pk and link.target in agents
            ),
        )
        for one in agents.values()
    ]
