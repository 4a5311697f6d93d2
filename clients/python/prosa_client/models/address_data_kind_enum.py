from enum import StrEnum


class AddressDataKindEnum(StrEnum):
    EXTERNAL = "external"
    GROUP = "group"
    LID = "lid"
    PHONE = "phone"

    def __str__(self) -> str:
        return str(self.value)
