from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.paginated_contact_data_list import PaginatedContactDataList
from ...models.refusal import Refusal
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    cursor: str | Unset = UNSET,
    is_blocked: bool | Unset = UNSET,
    is_opted_out: bool | Unset = UNSET,
    limit: int | Unset = 50,
    name: str | Unset = UNSET,
    phone: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["cursor"] = cursor

    params["is_blocked"] = is_blocked

    params["is_opted_out"] = is_opted_out

    params["limit"] = limit

    params["name"] = name

    params["phone"] = phone

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/contacts/",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> PaginatedContactDataList | Refusal | None:
    if response.status_code == 200:
        response_200 = PaginatedContactDataList.from_dict(response.json())

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
) -> Response[PaginatedContactDataList | Refusal]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = UNSET,
    is_blocked: bool | Unset = UNSET,
    is_opted_out: bool | Unset = UNSET,
    limit: int | Unset = 50,
    name: str | Unset = UNSET,
    phone: str | Unset = UNSET,
) -> Response[PaginatedContactDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `contacts:read`; permission `conversations.view_contact`.

    Args:
        cursor (str | Unset):
        is_blocked (bool | Unset):
        is_opted_out (bool | Unset):
        limit (int | Unset):  Default: 50.
        name (str | Unset):
        phone (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedContactDataList | Refusal]
    """

    kwargs = _get_kwargs(
        cursor=cursor,
        is_blocked=is_blocked,
        is_opted_out=is_opted_out,
        limit=limit,
        name=name,
        phone=phone,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = UNSET,
    is_blocked: bool | Unset = UNSET,
    is_opted_out: bool | Unset = UNSET,
    limit: int | Unset = 50,
    name: str | Unset = UNSET,
    phone: str | Unset = UNSET,
) -> PaginatedContactDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `contacts:read`; permission `conversations.view_contact`.

    Args:
        cursor (str | Unset):
        is_blocked (bool | Unset):
        is_opted_out (bool | Unset):
        limit (int | Unset):  Default: 50.
        name (str | Unset):
        phone (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedContactDataList | Refusal
    """

    return sync_detailed(
        client=client,
        cursor=cursor,
        is_blocked=is_blocked,
        is_opted_out=is_opted_out,
        limit=limit,
        name=name,
        phone=phone,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = UNSET,
    is_blocked: bool | Unset = UNSET,
    is_opted_out: bool | Unset = UNSET,
    limit: int | Unset = 50,
    name: str | Unset = UNSET,
    phone: str | Unset = UNSET,
) -> Response[PaginatedContactDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `contacts:read`; permission `conversations.view_contact`.

    Args:
        cursor (str | Unset):
        is_blocked (bool | Unset):
        is_opted_out (bool | Unset):
        limit (int | Unset):  Default: 50.
        name (str | Unset):
        phone (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedContactDataList | Refusal]
    """

    kwargs = _get_kwargs(
        cursor=cursor,
        is_blocked=is_blocked,
        is_opted_out=is_opted_out,
        limit=limit,
        name=name,
        phone=phone,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = UNSET,
    is_blocked: bool | Unset = UNSET,
    is_opted_out: bool | Unset = UNSET,
    limit: int | Unset = 50,
    name: str | Unset = UNSET,
    phone: str | Unset = UNSET,
) -> PaginatedContactDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `contacts:read`; permission `conversations.view_contact`.

    Args:
        cursor (str | Unset):
        is_blocked (bool | Unset):
        is_opted_out (bool | Unset):
        limit (int | Unset):  Default: 50.
        name (str | Unset):
        phone (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedContactDataList | Refusal
    """

    return (
        await asyncio_detailed(
            client=client,
            cursor=cursor,
            is_blocked=is_blocked,
            is_opted_out=is_opted_out,
            limit=limit,
            name=name,
            phone=phone,
        )
    ).parsed
