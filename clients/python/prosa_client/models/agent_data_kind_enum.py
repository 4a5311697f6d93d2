from enum import StrEnum


class AgentDataKindEnum(StrEnum):
    GENERAL = "general"
    HUMAN = "human"
    INTEGRATION = "integration"
    PERSONAL = "personal"
    SPECIALIST = "specialist"

    def __str__(self) -> str:
        return str(self.value)
