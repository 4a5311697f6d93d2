from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.refusal import Refusal
from ...models.trigger_request import TriggerRequest
from ...models.triggered import Triggered
from ...types import UNSET, Response, Unset


def _get_kwargs(
    agent_uuid: UUID,
    *,
    body: TriggerRequest,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/agents/{agent_uuid}/trigger/".format(
            agent_uuid=quote(str(agent_uuid), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Refusal | Triggered | None:
    if response.status_code == 202:
        response_202 = Triggered.from_dict(response.json())

        return response_202

    if response.status_code == 400:
        response_400 = Refusal.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Refusal.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Refusal.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = Refusal.from_dict(response.json())

        return response_404

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Refusal | Triggered]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    agent_uuid: UUID,
    *,
    client: AuthenticatedClient,
    body: TriggerRequest,
    idempotency_key: str | Unset = UNSET,
) -> Response[Refusal | Triggered]:
    """Have an agent answer a text, and return at once with the id of the turn.

     Have an agent answer a text, and return at once with the id of the turn.

    The answer goes nowhere but back to you: by the webhook `message.sent`, whose `turn_id` is
    this one, or by `GET /turns/{uuid}/`. To write on WhatsApp send a message.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        idempotency_key (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Refusal | Triggered]
    """

    kwargs = _get_kwargs(
        agent_uuid=agent_uuid,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    agent_uuid: UUID,
    *,
    client: AuthenticatedClient,
    body: TriggerRequest,
    idempotency_key: str | Unset = UNSET,
) -> Refusal | Triggered | None:
    """Have an agent answer a text, and return at once with the id of the turn.

     Have an agent answer a text, and return at once with the id of the turn.

    The answer goes nowhere but back to you: by the webhook `message.sent`, whose `turn_id` is
    this one, or by `GET /turns/{uuid}/`. To write on WhatsApp send a message.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        idempotency_key (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Refusal | Triggered
    """

    return sync_detailed(
        agent_uuid=agent_uuid,
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    agent_uuid: UUID,
    *,
    client: AuthenticatedClient,
    body: TriggerRequest,
    idempotency_key: str | Unset = UNSET,
) -> Response[Refusal | Triggered]:
    """Have an agent answer a text, and return at once with the id of the turn.

     Have an agent answer a text, and return at once with the id of the turn.

    The answer goes nowhere but back to you: by the webhook `message.sent`, whose `turn_id` is
    this one, or by `GET /turns/{uuid}/`. To write on WhatsApp send a message.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        idempotency_key (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Refusal | Triggered]
    """

    kwargs = _get_kwargs(
        agent_uuid=agent_uuid,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    agent_uuid: UUID,
    *,
    client: AuthenticatedClient,
    body: TriggerRequest,
    idempotency_key: str | Unset = UNSET,
) -> Refusal | Triggered | None:
    """Have an agent answer a text, and return at once with the id of the turn.

     Have an agent answer a text, and return at once with the id of the turn.

    The answer goes nowhere but back to you: by the webhook `message.sent`, whose `turn_id` is
    this one, or by `GET /turns/{uuid}/`. To write on WhatsApp send a message.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        idempotency_key (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Refusal | Triggered
    """

    return (
        await asyncio_detailed(
            agent_uuid=agent_uuid,
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
