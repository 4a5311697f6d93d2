"""One call of a sending route: what it needs, the faults that it acts out, its line in the log."""

import asyncio
from dataclasses import dataclass
from typing import NoReturn

from channels_whatsapp.simulator.core import Simulator
from channels_whatsapp.simulator.courier import happens, take
from channels_whatsapp.simulator.http import AnswerDropped, Payload, Refused
from channels_whatsapp.simulator.model import Faults, SendRecord, State, User


@dataclass(frozen=True)
class Target:
    """Where a message goes: the JID and the key of the chat."""

    jid: str
    chat: str


def require_socket(user: User, words: str) -> None:
    """Refuse what needs a phone that is linked and online.

    Raises:
        Refused: 500 with these words and the bridge's reason.
    """
    if user.state == State.QR:
        raise Refused(500, f"{words}: the store doesn't contain a device JID")
    if user.state != State.ONLINE:
        raise Refused(500, f"{words}: websocket not connected")


class SendingCall:
    """One call of a sending route: its faults and its line in the log."""

    def __init__(
        self,
        simulator: Simulator,
        user: User,
        path: str,
        payload: Payload,
        message_id: str,
        target: Target,
    ) -> None:
        self._simulator = simulator
        self._user = user
        self._faults: Faults = simulator.faults_of(user)
        # Files would make the log huge; their beginning tells them apart.
        shown = {
            key: value[:200] if isinstance(value, str) else value
            for key, value in payload.raw.items()
        }
        self._record = SendRecord(
            seq=simulator.next_seq(),
            user_id=user.id,
            path=path,
            id=message_id,
            id_supplied=bool(payload.text("Id")),
            phone=payload.text("Phone"),
            jid=target.jid,
            body=payload.text("Body") or payload.text("Caption"),
            at=simulator.now(),
            outcome="refused",
            status=500,
            payload=shown,
        )
        self._record.gap_s = simulator.since_last_send(user, self._record.at)

    async def before(self, error_start: str) -> None:
        """Act out what happens before the message is shown.

        Raises:
            Refused: the send fails; nothing is shown.
        """
        if self._faults.send_delay_s:
            await asyncio.sleep(self._faults.send_delay_s)
        try:
            require_socket(self._user, f"{error_start} sending message")
        except Refused:
            self._simulator.record_send(self._record)
            raise
        fail, self._faults.fail_next = take(self._faults.fail_next)
        if fail or happens(self._faults.fail_rate):
            self._record.status = self._faults.fail_status
            self._simulator.record_send(self._record)
            raise Refused(self._faults.fail_status, self._faults.fail_text)
        self._record.outcome = "accepted"
        self._record.status = 200

    def refuse(self, text: str) -> NoReturn:
        """Refuse what WhatsApp does not take.

        Raises:
            Refused: always.
        """
        self._record.outcome, self._record.status = "refused", 500
        self._simulator.record_send(self._record)
        raise Refused(500, text)

    async def after(self) -> None:
        """Act out what happens between the message being shown and the answer.

        Raises:
            AnswerDropped: the caller finds the connection cut.
            Refused: the caller is told 500 although the message was sent.
        """
        drop, self._faults.drop_answer_next = take(self._faults.drop_answer_next)
        if drop or happens(self._faults.drop_answer_rate):
            self._record.outcome = "answer_dropped"
            self._record.status = 500 if self._faults.drop_answer_mode == "500" else 0
        self._simulator.record_send(self._record)
        if self._faults.answer_delay_s:
            await asyncio.sleep(self._faults.answer_delay_s)
        if self._record.outcome == "answer_dropped":
            if self._record.status:
                raise Refused(
                    500, "error sending message: timed out waiting for message send response"
                )
            raise AnswerDropped
