from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.document_data_kind_enum import DocumentDataKindEnum
from ..models.document_status import DocumentStatus
from ..types import UNSET, Unset

T = TypeVar("T", bound="DocumentData")


@_attrs_define
class DocumentData:
    """A file that the assistant may answer from, and how far it was read.

    Attributes:
        uuid (UUID):
        name (str):
        category (UUID):
        kind (DocumentDataKindEnum): * `md` - Markdown
            * `txt` - plain text
            * `csv` - CSV
            * `pdf` - PDF
            * `docx` - Word (DOCX)
            * `xlsx` - Excel (XLSX)
            * `html` - web page (HTML)
            * `faq` - question and answer
        status (DocumentStatus): * `queued` - queued
            * `processing` - being read
            * `ready` - ready
            * `failed` - failed
        progress (int):
        failure_reason (str):
        failure_code (str):
        notice (str):
        n_chunks (int):
        n_bytes (int):
        version (int):
        language (str):
        valid_from (datetime.date | None):
        valid_until (datetime.date | None):
        source_url (str): Of a web page; else empty.
        created_at (datetime.datetime):
        updated_at (datetime.datetime):
        ready_at (datetime.datetime | None):
        deleted_at (datetime.datetime | None):
    """

    uuid: UUID
    name: str
    category: UUID
    kind: DocumentDataKindEnum
    status: DocumentStatus
    progress: int
    failure_reason: str
    failure_code: str
    notice: str
    n_chunks: int
    n_bytes: int
    version: int
    language: str
    valid_from: datetime.date | None
    valid_until: datetime.date | None
    source_url: str
    created_at: datetime.datetime
    updated_at: datetime.datetime
    ready_at: datetime.datetime | None
    deleted_at: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        uuid = str(self.uuid)

        name = self.name

        category = str(self.category)

        kind = self.kind.value

        status = self.status.value

        progress = self.progress

        failure_reason = self.failure_reason

        failure_code = self.failure_code

        notice = self.notice

        n_chunks = self.n_chunks

        n_bytes = self.n_bytes

        version = self.version

        language = self.language

        valid_from: None | str
        if isinstance(self.valid_from, datetime.date):
            valid_from = self.valid_from.isoformat()
        else:
            valid_from = self.valid_from

        valid_until: None | str
        if isinstance(self.valid_until, datetime.date):
            valid_until = self.valid_until.isoformat()
        else:
            valid_until = self.valid_until

        source_url = self.source_url

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        ready_at: None | str
        if isinstance(self.ready_at, datetime.datetime):
            ready_at = self.ready_at.isoformat()
        else:
            ready_at = self.ready_at

        deleted_at: None | str
        if isinstance(self.deleted_at, datetime.datetime):
            deleted_at = self.deleted_at.isoformat()
        else:
            deleted_at = self.deleted_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "name": name,
                "category": category,
                "kind": kind,
                "status": status,
                "progress": progress,
                "failure_reason": failure_reason,
                "failure_code": failure_code,
                "notice": notice,
                "n_chunks": n_chunks,
                "n_bytes": n_bytes,
                "version": version,
                "language": language,
                "valid_from": valid_from,
                "valid_until": valid_until,
                "source_url": source_url,
                "created_at": created_at,
                "updated_at": updated_at,
                "ready_at": ready_at,
                "deleted_at": deleted_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        name = d.pop("name")

        category = UUID(d.pop("category"))

        kind = DocumentDataKindEnum(d.pop("kind"))

        status = DocumentStatus(d.pop("status"))

        progress = d.pop("progress")

        failure_reason = d.pop("failure_reason")

        failure_code = d.pop("failure_code")

        notice = d.pop("notice")

        n_chunks = d.pop("n_chunks")

        n_bytes = d.pop("n_bytes")

        version = d.pop("version")

        language = d.pop("language")

        def _parse_valid_from(data: object) -> datetime.date | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                valid_from_type_0 = datetime.date.fromisoformat(data)

                return valid_from_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.date | None, data)

        valid_from = _parse_valid_from(d.pop("valid_from"))

        def _parse_valid_until(data: object) -> datetime.date | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                valid_until_type_0 = datetime.date.fromisoformat(data)

                return valid_until_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.date | None, data)

        valid_until = _parse_valid_until(d.pop("valid_until"))

        source_url = d.pop("source_url")

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        def _parse_ready_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                ready_at_type_0 = datetime.datetime.fromisoformat(data)

                return ready_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        ready_at = _parse_ready_at(d.pop("ready_at"))

        def _parse_deleted_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                deleted_at_type_0 = datetime.datetime.fromisoformat(data)

                return deleted_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        deleted_at = _parse_deleted_at(d.pop("deleted_at"))

        document_data = cls(
            uuid=uuid,
            name=name,
            category=category,
            kind=kind,
            status=status,
            progress=progress,
            failure_reason=failure_reason,
            failure_code=failure_code,
            notice=notice,
            n_chunks=n_chunks,
            n_bytes=n_bytes,
            version=version,
            language=language,
            valid_from=valid_from,
            valid_until=valid_until,
            source_url=source_url,
            created_at=created_at,
            updated_at=updated_at,
            ready_at=ready_at,
            deleted_at=deleted_at,
        )

        document_data.additional_properties = d
        return document_data

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
