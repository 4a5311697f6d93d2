from enum import StrEnum


class LeadsEnum(StrEnum):
    END = "end"
    LIVE = "live"
    OFF = "off"

    def __str__(self) -> str:
        return str(self.value)
