from enum import StrEnum


class WebhooksDeliveriesListType(StrEnum):
    BUDGET_EXHAUSTED = "budget.exhausted"
    BUDGET_WARNED = "budget.warned"
    CONTACT_ERASED = "contact.erased"
    CONTACT_OPTED_OUT = "contact.opted_out"
    CONVERSATION_CLOSED = "conversation.closed"
    CONVERSATION_HANDED_OFF = "conversation.handed_off"
    CONVERSATION_OPENED = "conversation.opened"
    CONVERSATION_RETURNED = "conversation.returned"
    CONVERSATION_TAKEN_OVER = "conversation.taken_over"
    DEVICE_STATUS_CHANGED = "device.status_changed"
    DOCUMENT_FAILED = "document.failed"
    DOCUMENT_READY = "document.ready"
    LEAD_CREATED = "lead.created"
    LEAD_QUALIFIED = "lead.qualified"
    LEAD_UPDATED = "lead.updated"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_RECEIVED = "message.received"
    MESSAGE_SENT = "message.sent"
    NOTICE_CREATED = "notice.created"

    def __str__(self) -> str:
        return str(self.value)
