from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.executed import Executed
from ...models.refusal import Refusal
from ...models.still_working import StillWorking
from ...models.trigger_request import TriggerRequest
from ...types import UNSET, Response, Unset


def _get_kwargs(
    agent_uuid: UUID,
    *,
    body: TriggerRequest,
    deadline_s: float | Unset = 30.0,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    params: dict[str, Any] = {}

    params["deadline_s"] = deadline_s

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/agents/{agent_uuid}/execute/".format(
            agent_uuid=quote(str(agent_uuid), safe=""),
        ),
        "params": params,
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Executed | Refusal | StillWorking | None:
    if response.status_code == 200:
        response_200 = Executed.from_dict(response.json())

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

    if response.status_code == 504:
        response_504 = StillWorking.from_dict(response.json())

        return response_504

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Executed | Refusal | StillWorking]:
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
    deadline_s: float | Unset = 30.0,
    idempotency_key: str | Unset = UNSET,
) -> Response[Executed | Refusal | StillWorking]:
    """Have an agent answer a text, and wait for the answer.

     Have an agent answer a text, and wait for the answer.

    Where the deadline passes the turn goes on; its id is in the refusal, and the same call with
    the same `Idempotency-Key` goes on waiting.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        deadline_s (float | Unset):  Default: 30.0.
        idempotency_key (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Executed | Refusal | StillWorking]
    """

    kwargs = _get_kwargs(
        agent_uuid=agent_uuid,
        body=body,
        deadline_s=deadline_s,
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
    deadline_s: float | Unset = 30.0,
    idempotency_key: str | Unset = UNSET,
) -> Executed | Refusal | StillWorking | None:
    """Have an agent answer a text, and wait for the answer.

     Have an agent answer a text, and wait for the answer.

    Where the deadline passes the turn goes on; its id is in the refusal, and the same call with
    the same `Idempotency-Key` goes on waiting.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        deadline_s (float | Unset):  Default: 30.0.
        idempotency_key (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Executed | Refusal | StillWorking
    """

    return sync_detailed(
        agent_uuid=agent_uuid,
        client=client,
        body=body,
        deadline_s=deadline_s,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    agent_uuid: UUID,
    *,
    client: AuthenticatedClient,
    body: TriggerRequest,
    deadline_s: float | Unset = 30.0,
    idempotency_key: str | Unset = UNSET,
) -> Response[Executed | Refusal | StillWorking]:
    """Have an agent answer a text, and wait for the answer.

     Have an agent answer a text, and wait for the answer.

    Where the deadline passes the turn goes on; its id is in the refusal, and the same call with
    the same `Idempotency-Key` goes on waiting.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        deadline_s (float | Unset):  Default: 30.0.
        idempotency_key (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Executed | Refusal | StillWorking]
    """

    kwargs = _get_kwargs(
        agent_uuid=agent_uuid,
        body=body,
        deadline_s=deadline_s,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    agent_uuid: UUID,
    *,
    client: AuthenticatedClient,
    body: TriggerRequest,
    deadline_s: float | Unset = 30.0,
    idempotency_key: str | Unset = UNSET,
) -> Executed | Refusal | StillWorking | None:
    """Have an agent answer a text, and wait for the answer.

     Have an agent answer a text, and wait for the answer.

    Where the deadline passes the turn goes on; its id is in the refusal, and the same call with
    the same `Idempotency-Key` goes on waiting.

    Scope `agents:run`; permission `conversations.change_conversation`.

    Args:
        agent_uuid (UUID):
        deadline_s (float | Unset):  Default: 30.0.
        idempotency_key (str | Unset):
        body (TriggerRequest): What an agent is to answer, and in which thread.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Executed | Refusal | StillWorking
    """

    return (
        await asyncio_detailed(
            agent_uuid=agent_uuid,
            client=client,
            body=body,
            deadline_s=deadline_s,
            idempotency_key=idempotency_key,
        )
    ).parsed
