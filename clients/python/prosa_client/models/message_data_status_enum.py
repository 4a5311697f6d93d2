from enum import StrEnum


class MessageDataStatusEnum(StrEnum):
    ACKED = "acked"
    CANCELLED = "cancelled"
    CREATED = "created"
    DELIVERED = "delivered"
    FAILED = "failed"
    HANDED = "handed"
    READ = "read"
    RECEIVED = "received"

    def __str__(self) -> str:
        return str(self.value)
