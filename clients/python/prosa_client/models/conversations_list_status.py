from enum import StrEnum


class ConversationsListStatus(StrEnum):
    ARCHIVED = "archived"
    OPEN = "open"

    def __str__(self) -> str:
        return str(self.value)
