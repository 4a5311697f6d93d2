from enum import StrEnum


class DevicesListState(StrEnum):
    ABSENT = "absent"
    BANNED = "banned"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    FAILED = "failed"
    LOGGED_OUT = "logged_out"
    OUTDATED = "outdated"
    PAIRED = "paired"
    QR = "qr"
    REPLACED = "replaced"
    STALLED = "stalled"
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"

    def __str__(self) -> str:
        return str(self.value)
