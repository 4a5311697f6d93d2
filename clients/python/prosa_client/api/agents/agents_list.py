from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.agents_list_kind import AgentsListKind
from ...models.paginated_agent_data_list import PaginatedAgentDataList
from ...models.refusal import Refusal
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_active: bool | Unset = UNSET,
    kind: AgentsListKind | Unset = UNSET,
    limit: int | Unset = 50,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["cursor"] = cursor

    params["fields"] = fields

    params["is_active"] = is_active

    json_kind: str | Unset = UNSET
    if not isinstance(kind, Unset):
        json_kind = kind.value

    params["kind"] = json_kind

    params["limit"] = limit

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/agents/",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> PaginatedAgentDataList | Refusal | None:
    if response.status_code == 200:
        response_200 = PaginatedAgentDataList.from_dict(response.json())

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
) -> Response[PaginatedAgentDataList | Refusal]:
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
    fields: str | Unset = UNSET,
    is_active: bool | Unset = UNSET,
    kind: AgentsListKind | Unset = UNSET,
    limit: int | Unset = 50,
) -> Response[PaginatedAgentDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `agents:read`; permission `agents.view_agent`.

    Args:
        cursor (str | Unset):
        fields (str | Unset):
        is_active (bool | Unset):
        kind (AgentsListKind | Unset):
        limit (int | Unset):  Default: 50.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedAgentDataList | Refusal]
    """

    kwargs = _get_kwargs(
        cursor=cursor,
        fields=fields,
        is_active=is_active,
        kind=kind,
        limit=limit,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_active: bool | Unset = UNSET,
    kind: AgentsListKind | Unset = UNSET,
    limit: int | Unset = 50,
) -> PaginatedAgentDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `agents:read`; permission `agents.view_agent`.

    Args:
        cursor (str | Unset):
        fields (str | Unset):
        is_active (bool | Unset):
        kind (AgentsListKind | Unset):
        limit (int | Unset):  Default: 50.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedAgentDataList | Refusal
    """

    return sync_detailed(
        client=client,
        cursor=cursor,
        fields=fields,
        is_active=is_active,
        kind=kind,
        limit=limit,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_active: bool | Unset = UNSET,
    kind: AgentsListKind | Unset = UNSET,
    limit: int | Unset = 50,
) -> Response[PaginatedAgentDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `agents:read`; permission `agents.view_agent`.

    Args:
        cursor (str | Unset):
        fields (str | Unset):
        is_active (bool | Unset):
        kind (AgentsListKind | Unset):
        limit (int | Unset):  Default: 50.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedAgentDataList | Refusal]
    """

    kwargs = _get_kwargs(
        cursor=cursor,
        fields=fields,
        is_active=is_active,
        kind=kind,
        limit=limit,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_active: bool | Unset = UNSET,
    kind: AgentsListKind | Unset = UNSET,
    limit: int | Unset = 50,
) -> PaginatedAgentDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `agents:read`; permission `agents.view_agent`.

    Args:
        cursor (str | Unset):
        fields (str | Unset):
        is_active (bool | Unset):
        kind (AgentsListKind | Unset):
        limit (int | Unset):  Default: 50.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedAgentDataList | Refusal
    """

    return (
        await asyncio_detailed(
            client=client,
            cursor=cursor,
            fields=fields,
            is_active=is_active,
            kind=kind,
            limit=limit,
        )
    ).parsed
