from enum import StrEnum


class ValueDataOriginEnum(StrEnum):
    CONTACT = "contact"
    FORM = "form"
    PERSON = "person"

    def __str__(self) -> str:
        return str(self.value)
