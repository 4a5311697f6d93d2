import datetime
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.paginated_lead_data_list import PaginatedLeadDataList
from ...models.refusal import Refusal
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    contact: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_closed: bool | Unset = UNSET,
    is_qualified: bool | Unset = UNSET,
    limit: int | Unset = 50,
    min_score: int | Unset = UNSET,
    stage: str | Unset = UNSET,
    updated_since: datetime.datetime | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_contact: str | Unset = UNSET
    if not isinstance(contact, Unset):
        json_contact = str(contact)
    params["contact"] = json_contact

    params["cursor"] = cursor

    params["fields"] = fields

    params["is_closed"] = is_closed

    params["is_qualified"] = is_qualified

    params["limit"] = limit

    params["min_score"] = min_score

    params["stage"] = stage

    json_updated_since: str | Unset = UNSET
    if not isinstance(updated_since, Unset):
        json_updated_since = updated_since.isoformat()
    params["updated_since"] = json_updated_since

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/leads/",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> PaginatedLeadDataList | Refusal | None:
    if response.status_code == 200:
        response_200 = PaginatedLeadDataList.from_dict(response.json())

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
) -> Response[PaginatedLeadDataList | Refusal]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    contact: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_closed: bool | Unset = UNSET,
    is_qualified: bool | Unset = UNSET,
    limit: int | Unset = 50,
    min_score: int | Unset = UNSET,
    stage: str | Unset = UNSET,
    updated_since: datetime.datetime | Unset = UNSET,
) -> Response[PaginatedLeadDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `leads:read`; permission `conversations.view_lead`.

    Args:
        contact (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        is_closed (bool | Unset):
        is_qualified (bool | Unset):
        limit (int | Unset):  Default: 50.
        min_score (int | Unset):
        stage (str | Unset):
        updated_since (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedLeadDataList | Refusal]
    """

    kwargs = _get_kwargs(
        contact=contact,
        cursor=cursor,
        fields=fields,
        is_closed=is_closed,
        is_qualified=is_qualified,
        limit=limit,
        min_score=min_score,
        stage=stage,
        updated_since=updated_since,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    contact: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_closed: bool | Unset = UNSET,
    is_qualified: bool | Unset = UNSET,
    limit: int | Unset = 50,
    min_score: int | Unset = UNSET,
    stage: str | Unset = UNSET,
    updated_since: datetime.datetime | Unset = UNSET,
) -> PaginatedLeadDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `leads:read`; permission `conversations.view_lead`.

    Args:
        contact (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        is_closed (bool | Unset):
        is_qualified (bool | Unset):
        limit (int | Unset):  Default: 50.
        min_score (int | Unset):
        stage (str | Unset):
        updated_since (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedLeadDataList | Refusal
    """

    return sync_detailed(
        client=client,
        contact=contact,
        cursor=cursor,
        fields=fields,
        is_closed=is_closed,
        is_qualified=is_qualified,
        limit=limit,
        min_score=min_score,
        stage=stage,
        updated_since=updated_since,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    contact: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_closed: bool | Unset = UNSET,
    is_qualified: bool | Unset = UNSET,
    limit: int | Unset = 50,
    min_score: int | Unset = UNSET,
    stage: str | Unset = UNSET,
    updated_since: datetime.datetime | Unset = UNSET,
) -> Response[PaginatedLeadDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `leads:read`; permission `conversations.view_lead`.

    Args:
        contact (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        is_closed (bool | Unset):
        is_qualified (bool | Unset):
        limit (int | Unset):  Default: 50.
        min_score (int | Unset):
        stage (str | Unset):
        updated_since (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedLeadDataList | Refusal]
    """

    kwargs = _get_kwargs(
        contact=contact,
        cursor=cursor,
        fields=fields,
        is_closed=is_closed,
        is_qualified=is_qualified,
        limit=limit,
        min_score=min_score,
        stage=stage,
        updated_since=updated_since,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    contact: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_closed: bool | Unset = UNSET,
    is_qualified: bool | Unset = UNSET,
    limit: int | Unset = 50,
    min_score: int | Unset = UNSET,
    stage: str | Unset = UNSET,
    updated_since: datetime.datetime | Unset = UNSET,
) -> PaginatedLeadDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `leads:read`; permission `conversations.view_lead`.

    Args:
        contact (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        is_closed (bool | Unset):
        is_qualified (bool | Unset):
        limit (int | Unset):  Default: 50.
        min_score (int | Unset):
        stage (str | Unset):
        updated_since (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedLeadDataList | Refusal
    """

    return (
        await asyncio_detailed(
            client=client,
            contact=contact,
            cursor=cursor,
            fields=fields,
            is_closed=is_closed,
            is_qualified=is_qualified,
            limit=limit,
            min_score=min_score,
            stage=stage,
            updated_since=updated_since,
        )
    ).parsed
