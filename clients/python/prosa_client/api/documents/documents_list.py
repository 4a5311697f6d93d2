from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.documents_list_kind import DocumentsListKind
from ...models.documents_list_status import DocumentsListStatus
from ...models.paginated_document_data_list import PaginatedDocumentDataList
from ...models.refusal import Refusal
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    category: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    in_bin: bool | Unset = False,
    kind: DocumentsListKind | Unset = UNSET,
    limit: int | Unset = 50,
    name: str | Unset = UNSET,
    status: DocumentsListStatus | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_category: str | Unset = UNSET
    if not isinstance(category, Unset):
        json_category = str(category)
    params["category"] = json_category

    params["cursor"] = cursor

    params["fields"] = fields

    params["in_bin"] = in_bin

    json_kind: str | Unset = UNSET
    if not isinstance(kind, Unset):
        json_kind = kind.value

    params["kind"] = json_kind

    params["limit"] = limit

    params["name"] = name

    json_status: str | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status.value

    params["status"] = json_status

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/documents/",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> PaginatedDocumentDataList | Refusal | None:
    if response.status_code == 200:
        response_200 = PaginatedDocumentDataList.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = Refusal.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Refusal.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Refusal.from_dict(response.json())

        return response_403

    if response.status_code == 406:
        response_406 = Refusal.from_dict(response.json())

        return response_406

    if response.status_code == 422:
        response_422 = Refusal.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = Refusal.from_dict(response.json())

        return response_429

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[PaginatedDocumentDataList | Refusal]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    category: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    in_bin: bool | Unset = False,
    kind: DocumentsListKind | Unset = UNSET,
    limit: int | Unset = 50,
    name: str | Unset = UNSET,
    status: DocumentsListStatus | Unset = UNSET,
) -> Response[PaginatedDocumentDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `knowledge:read`; permission `knowledge.view_document`.

    Args:
        category (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        in_bin (bool | Unset):  Default: False.
        kind (DocumentsListKind | Unset):
        limit (int | Unset):  Default: 50.
        name (str | Unset):
        status (DocumentsListStatus | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedDocumentDataList | Refusal]
    """

    kwargs = _get_kwargs(
        category=category,
        cursor=cursor,
        fields=fields,
        in_bin=in_bin,
        kind=kind,
        limit=limit,
        name=name,
        status=status,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    category: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    in_bin: bool | Unset = False,
    kind: DocumentsListKind | Unset = UNSET,
    limit: int | Unset = 50,
    name: str | Unset = UNSET,
    status: DocumentsListStatus | Unset = UNSET,
) -> PaginatedDocumentDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `knowledge:read`; permission `knowledge.view_document`.

    Args:
        category (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        in_bin (bool | Unset):  Default: False.
        kind (DocumentsListKind | Unset):
        limit (int | Unset):  Default: 50.
        name (str | Unset):
        status (DocumentsListStatus | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedDocumentDataList | Refusal
    """

    return sync_detailed(
        client=client,
        category=category,
        cursor=cursor,
        fields=fields,
        in_bin=in_bin,
        kind=kind,
        limit=limit,
        name=name,
        status=status,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    category: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    in_bin: bool | Unset = False,
    kind: DocumentsListKind | Unset = UNSET,
    limit: int | Unset = 50,
    name: str | Unset = UNSET,
    status: DocumentsListStatus | Unset = UNSET,
) -> Response[PaginatedDocumentDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `knowledge:read`; permission `knowledge.view_document`.

    Args:
        category (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        in_bin (bool | Unset):  Default: False.
        kind (DocumentsListKind | Unset):
        limit (int | Unset):  Default: 50.
        name (str | Unset):
        status (DocumentsListStatus | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedDocumentDataList | Refusal]
    """

    kwargs = _get_kwargs(
        category=category,
        cursor=cursor,
        fields=fields,
        in_bin=in_bin,
        kind=kind,
        limit=limit,
        name=name,
        status=status,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    category: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    in_bin: bool | Unset = False,
    kind: DocumentsListKind | Unset = UNSET,
    limit: int | Unset = 50,
    name: str | Unset = UNSET,
    status: DocumentsListStatus | Unset = UNSET,
) -> PaginatedDocumentDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `knowledge:read`; permission `knowledge.view_document`.

    Args:
        category (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        in_bin (bool | Unset):  Default: False.
        kind (DocumentsListKind | Unset):
        limit (int | Unset):  Default: 50.
        name (str | Unset):
        status (DocumentsListStatus | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedDocumentDataList | Refusal
    """

    return (
        await asyncio_detailed(
            client=client,
            category=category,
            cursor=cursor,
            fields=fields,
            in_bin=in_bin,
            kind=kind,
            limit=limit,
            name=name,
            status=status,
        )
    ).parsed
