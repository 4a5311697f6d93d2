import datetime
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.refusal import Refusal
from ...models.usage_data import UsageData
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    first: datetime.date | Unset = UNSET,
    last: datetime.date | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_first: str | Unset = UNSET
    if not isinstance(first, Unset):
        json_first = first.isoformat()
    params["first"] = json_first

    json_last: str | Unset = UNSET
    if not isinstance(last, Unset):
        json_last = last.isoformat()
    params["last"] = json_last

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/usage/",
        "params": params,
    }

    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Refusal | UsageData | None:
    if response.status_code == 200:
        response_200 = UsageData.from_dict(response.json())

        return response_200

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Refusal | UsageData]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    first: datetime.date | Unset = UNSET,
    last: datetime.date | Unset = UNSET,
) -> Response[Refusal | UsageData]:
    """Answer with sums by day, model, agent and purpose.

     Answer with sums by day, model, agent and purpose.

    Scope `usage:read`; permission `integrations.view_modelcall`.

    Args:
        first (datetime.date | Unset):
        last (datetime.date | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Refusal | UsageData]
    """

    kwargs = _get_kwargs(
        first=first,
        last=last,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    first: datetime.date | Unset = UNSET,
    last: datetime.date | Unset = UNSET,
) -> Refusal | UsageData | None:
    """Answer with sums by day, model, agent and purpose.

     Answer with sums by day, model, agent and purpose.

    Scope `usage:read`; permission `integrations.view_modelcall`.

    Args:
        first (datetime.date | Unset):
        last (datetime.date | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Refusal | UsageData
    """

    return sync_detailed(
        client=client,
        first=first,
        last=last,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    first: datetime.date | Unset = UNSET,
    last: datetime.date | Unset = UNSET,
) -> Response[Refusal | UsageData]:
    """Answer with sums by day, model, agent and purpose.

     Answer with sums by day, model, agent and purpose.

    Scope `usage:read`; permission `integrations.view_modelcall`.

    Args:
        first (datetime.date | Unset):
        last (datetime.date | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Refusal | UsageData]
    """

    kwargs = _get_kwargs(
        first=first,
        last=last,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    first: datetime.date | Unset = UNSET,
    last: datetime.date | Unset = UNSET,
) -> Refusal | UsageData | None:
    """Answer with sums by day, model, agent and purpose.

     Answer with sums by day, model, agent and purpose.

    Scope `usage:read`; permission `integrations.view_modelcall`.

    Args:
        first (datetime.date | Unset):
        last (datetime.date | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Refusal | UsageData
    """

    return (
        await asyncio_detailed(
            client=client,
            first=first,
            last=last,
        )
    ).parsed
