from enum import StrEnum


class MessageDataOriginEnum(StrEnum):
    AGENT = "agent"
    CONTACT = "contact"
    PERSON = "person"
    PHONE = "phone"
    SYSTEM = "system"

    def __str__(self) -> str:
        return str(self.value)
