from enum import StrEnum


class AgentsListKind(StrEnum):
    GENERAL = "general"
    HUMAN = "human"
    INTEGRATION = "integration"
    PERSONAL = "personal"
    SPECIALIST = "specialist"

    def __str__(self) -> str:
        return str(self.value)
