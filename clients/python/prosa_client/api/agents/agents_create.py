from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.agent_data import AgentData
from ...models.agent_data_request import AgentDataRequest
from ...models.refusal import Refusal
from ...types import UNSET, Response


def _get_kwargs(
    *,
    body: AgentDataRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/agents/",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> AgentData | Refusal | None:
    if response.status_code == 201:
        response_201 = AgentData.from_dict(response.json())

        return response_201

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

    if response.status_code == 409:
        response_409 = Refusal.from_dict(response.json())

        return response_409

    if response.status_code == 415:
        response_415 = Refusal.from_dict(response.json())

        return response_415

    if response.status_code == 422:
        response_422 = Refusal.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = Refusal.from_dict(response.json())

        return response_429

    if response.status_code == 503:
        response_503 = Refusal.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[AgentData | Refusal]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: AgentDataRequest,
) -> Response[AgentData | Refusal]:
    """Make an agent; it answers nobody before it is published.

     Make an agent; it answers nobody before it is published.

    Scope `agents:write`; permission `agents.add_agent`.

    Args:
        body (AgentDataRequest): An agent as it is edited; what answers contacts is its published
            version.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AgentData | Refusal]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: AgentDataRequest,
) -> AgentData | Refusal | None:
    """Make an agent; it answers nobody before it is published.

     Make an agent; it answers nobody before it is published.

    Scope `agents:write`; permission `agents.add_agent`.

    Args:
        body (AgentDataRequest): An agent as it is edited; what answers contacts is its published
            version.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AgentData | Refusal
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: AgentDataRequest,
) -> Response[AgentData | Refusal]:
    """Make an agent; it answers nobody before it is published.

     Make an agent; it answers nobody before it is published.

    Scope `agents:write`; permission `agents.add_agent`.

    Args:
        body (AgentDataRequest): An agent as it is edited; what answers contacts is its published
            version.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AgentData | Refusal]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: AgentDataRequest,
) -> AgentData | Refusal | None:
    """Make an agent; it answers nobody before it is published.

     Make an agent; it answers nobody before it is published.

    Scope `agents:write`; permission `agents.add_agent`.

    Args:
        body (AgentDataRequest): An agent as it is edited; what answers contacts is its published
            version.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AgentData | Refusal
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
