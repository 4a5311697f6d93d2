from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.refusal import Refusal
from ...models.trigger_request import TriggerRequest
from ...types import UNSET, Response, Unset


def _get_kwargs(
    agent_uuid: UUID,
    *,
    body: TriggerRequest,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    if not isinstance(last_event_id, Unset):
        headers["Last-Event-ID"] = last_event_id

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/agents/{agent_uuid}/stream/".format(
            agent_uuid=quote(str(agent_uuid), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Refusal | str | None:
    if response.status_code == 200:
        response_200 = response.text
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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Refusal | str]:
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
    last_event_id: str | Unset = UNSET,
) -> Response[Refusal | str]:
    """Have an agent answer a text, and watch it do so; ends with the answer.

     Have an agent answer a text, and watch it do so; ends with the answer.

    Texts come once they have passed every check. With the same `Idempotency-Key` and
    `Last-Event-ID` a stream that broke off goes on where it was.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Refusal | str]
    """

    kwargs = _get_kwargs(
        agent_uuid=agent_uuid,
        body=body,
        idempotency_key=idempotency_key,
        last_event_id=last_event_id,
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
    last_event_id: str | Unset = UNSET,
) -> Refusal | str | None:
    """Have an agent answer a text, and watch it do so; ends with the answer.

     Have an agent answer a text, and watch it do so; ends with the answer.

    Texts come once they have passed every check. With the same `Idempotency-Key` and
    `Last-Event-ID` a stream that broke off goes on where it was.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Refusal | str
    """

    return sync_detailed(
        agent_uuid=agent_uuid,
        client=client,
        body=body,
        idempotency_key=idempotency_key,
        last_event_id=last_event_id,
    ).parsed


async def asyncio_detailed(
    agent_uuid: UUID,
    *,
    client: AuthenticatedClient,
    body: TriggerRequest,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Response[Refusal | str]:
    """Have an agent answer a text, and watch it do so; ends with the answer.

     Have an agent answer a text, and watch it do so; ends with the answer.

    Texts come once they have passed every check. With the same `Idempotency-Key` and
    `Last-Event-ID` a stream that broke off goes on where it was.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Refusal | str]
    """

    kwargs = _get_kwargs(
        agent_uuid=agent_uuid,
        body=body,
        idempotency_key=idempotency_key,
        last_event_id=last_event_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    agent_uuid: UUID,
    *,
    client: AuthenticatedClient,
    body: TriggerRequest,
    idempotency_key: str | Unset = UNSET,
    last_event_id: str | Unset = UNSET,
) -> Refusal | str | None:
    """Have an agent answer a text, and watch it do so; ends with the answer.

     Have an agent answer a text, and watch it do so; ends with the answer.

    Texts come once they have passed every check. With the same `Idempotency-Key` and
    `Last-Event-ID` a stream that broke off goes on where it was.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        idempotency_key (str | Unset):
        last_event_id (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Refusal | str
    """

    return (
        await asyncio_detailed(
            agent_uuid=agent_uuid,
            client=client,
            body=body,
            idempotency_key=idempotency_key,
            last_event_id=last_event_id,
        )
    ).parsed
