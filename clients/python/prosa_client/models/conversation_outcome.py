from enum import StrEnum


class ConversationOutcome(StrEnum):
    ABANDONED = "abandoned"
    NOTHING = "nothing"
    OPTED_OUT = "opted_out"
    PERSON = "person"
    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"

    def __str__(self) -> str:
        return str(self.value)
