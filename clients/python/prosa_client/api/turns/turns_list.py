import datetime
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.paginated_turn_data_list import PaginatedTurnDataList
from ...models.refusal import Refusal
from ...models.turns_list_outcome import TurnsListOutcome
from ...models.turns_list_status import TurnsListStatus
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    agent: UUID | Unset = UNSET,
    conversation: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    limit: int | Unset = 50,
    outcome: TurnsListOutcome | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    status: TurnsListStatus | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_agent: str | Unset = UNSET
    if not isinstance(agent, Unset):
        json_agent = str(agent)
    params["agent"] = json_agent

    json_conversation: str | Unset = UNSET
    if not isinstance(conversation, Unset):
        json_conversation = str(conversation)
    params["conversation"] = json_conversation

    params["cursor"] = cursor

    params["fields"] = fields

    params["limit"] = limit

    json_outcome: str | Unset = UNSET
    if not isinstance(outcome, Unset):
        json_outcome = outcome.value

    params["outcome"] = json_outcome

    json_since: str | Unset = UNSET
    if not isinstance(since, Unset):
        json_since = since.isoformat()
    params["since"] = json_since

    json_status: str | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status.value

    params["status"] = json_status

    json_until: str | Unset = UNSET
    if not isinstance(until, Unset):
        json_until = until.isoformat()
    params["until"] = json_until

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/turns/",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> PaginatedTurnDataList | Refusal | None:
    if response.status_code == 200:
        response_200 = PaginatedTurnDataList.from_dict(response.json())

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
) -> Response[PaginatedTurnDataList | Refusal]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    agent: UUID | Unset = UNSET,
    conversation: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    limit: int | Unset = 50,
    outcome: TurnsListOutcome | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    status: TurnsListStatus | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
) -> Response[PaginatedTurnDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `conversations:read`; permission `conversations.view_turn`.

    Args:
        agent (UUID | Unset):
        conversation (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        limit (int | Unset):  Default: 50.
        outcome (TurnsListOutcome | Unset):
        since (datetime.datetime | Unset):
        status (TurnsListStatus | Unset):
        until (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedTurnDataList | Refusal]
    """

    kwargs = _get_kwargs(
        agent=agent,
        conversation=conversation,
        cursor=cursor,
        fields=fields,
        limit=limit,
        outcome=outcome,
        since=since,
        status=status,
        until=until,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    agent: UUID | Unset = UNSET,
    conversation: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    limit: int | Unset = 50,
    outcome: TurnsListOutcome | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    status: TurnsListStatus | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
) -> PaginatedTurnDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `conversations:read`; permission `conversations.view_turn`.

    Args:
        agent (UUID | Unset):
        conversation (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        limit (int | Unset):  Default: 50.
        outcome (TurnsListOutcome | Unset):
        since (datetime.datetime | Unset):
        status (TurnsListStatus | Unset):
        until (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedTurnDataList | Refusal
    """

    return sync_detailed(
        client=client,
        agent=agent,
        conversation=conversation,
        cursor=cursor,
        fields=fields,
        limit=limit,
        outcome=outcome,
        since=since,
        status=status,
        until=until,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    agent: UUID | Unset = UNSET,
    conversation: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    limit: int | Unset = 50,
    outcome: TurnsListOutcome | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    status: TurnsListStatus | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
) -> Response[PaginatedTurnDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `conversations:read`; permission `conversations.view_turn`.

    Args:
        agent (UUID | Unset):
        conversation (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        limit (int | Unset):  Default: 50.
        outcome (TurnsListOutcome | Unset):
        since (datetime.datetime | Unset):
        status (TurnsListStatus | Unset):
        until (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedTurnDataList | Refusal]
    """

    kwargs = _get_kwargs(
        agent=agent,
        conversation=conversation,
        cursor=cursor,
        fields=fields,
        limit=limit,
        outcome=outcome,
        since=since,
        status=status,
        until=until,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    agent: UUID | Unset = UNSET,
    conversation: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    fields: str | Unset = UNSET,
    limit: int | Unset = 50,
    outcome: TurnsListOutcome | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    status: TurnsListStatus | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
) -> PaginatedTurnDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `conversations:read`; permission `conversations.view_turn`.

    Args:
        agent (UUID | Unset):
        conversation (UUID | Unset):
        cursor (str | Unset):
        fields (str | Unset):
        limit (int | Unset):  Default: 50.
        outcome (TurnsListOutcome | Unset):
        since (datetime.datetime | Unset):
        status (TurnsListStatus | Unset):
        until (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedTurnDataList | Refusal
    """

    return (
        await asyncio_detailed(
            client=client,
            agent=agent,
            conversation=conversation,
            cursor=cursor,
            fields=fields,
            limit=limit,
            outcome=outcome,
            since=since,
            status=status,
            until=until,
        )
    ).parsed
