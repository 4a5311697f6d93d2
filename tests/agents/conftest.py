from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agents.worlds import World
from tests.fakes.llm import FakeLLM


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm
