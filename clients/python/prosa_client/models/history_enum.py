from enum import StrEnum


class HistoryEnum(StrEnum):
    HANDOFF = "handoff"
    NONE = "none"
    WHOLE = "whole"

    def __str__(self) -> str:
        return str(self.value)
