"""What the tests of conversations share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.llm import FakeLLM, Mode


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    """A model that answers with the evidence it is given, unless it is told what to say."""
    with FakeLLM(Mode.EVIDENCE) as llm:
        yield llm
