import datetime
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.conversations_list_mode import ConversationsListMode
from ...models.conversations_list_outcome import ConversationsListOutcome
from ...models.conversations_list_status import ConversationsListStatus
from ...models.paginated_conversation_data_list import PaginatedConversationDataList
from ...models.refusal import Refusal
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    agent: UUID | Unset = UNSET,
    contact: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    device: UUID | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_waiting: bool | Unset = UNSET,
    label: str | Unset = UNSET,
    limit: int | Unset = 50,
    mode: ConversationsListMode | Unset = UNSET,
    outcome: ConversationsListOutcome | Unset = UNSET,
    q: str | Unset = UNSET,
    queue: UUID | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    status: ConversationsListStatus | Unset = UNSET,
    thread: str | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_agent: str | Unset = UNSET
    if not isinstance(agent, Unset):
        json_agent = str(agent)
    params["agent"] = json_agent

    json_contact: str | Unset = UNSET
    if not isinstance(contact, Unset):
        json_contact = str(contact)
    params["contact"] = json_contact

    params["cursor"] = cursor

    json_device: str | Unset = UNSET
    if not isinstance(device, Unset):
        json_device = str(device)
    params["device"] = json_device

    params["fields"] = fields

    params["is_waiting"] = is_waiting

    params["label"] = label

    params["limit"] = limit

    json_mode: str | Unset = UNSET
    if not isinstance(mode, Unset):
        json_mode = mode.value

    params["mode"] = json_mode

    json_outcome: str | Unset = UNSET
    if not isinstance(outcome, Unset):
        json_outcome = outcome.value

    params["outcome"] = json_outcome

    params["q"] = q

    json_queue: str | Unset = UNSET
    if not isinstance(queue, Unset):
        json_queue = str(queue)
    params["queue"] = json_queue

    json_since: str | Unset = UNSET
    if not isinstance(since, Unset):
        json_since = since.isoformat()
    params["since"] = json_since

    json_status: str | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status.value

    params["status"] = json_status

    params["thread"] = thread

    json_until: str | Unset = UNSET
    if not isinstance(until, Unset):
        json_until = until.isoformat()
    params["until"] = json_until

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/conversations/",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> PaginatedConversationDataList | Refusal | None:
    if response.status_code == 200:
        response_200 = PaginatedConversationDataList.from_dict(response.json())

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
) -> Response[PaginatedConversationDataList | Refusal]:
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
    contact: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    device: UUID | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_waiting: bool | Unset = UNSET,
    label: str | Unset = UNSET,
    limit: int | Unset = 50,
    mode: ConversationsListMode | Unset = UNSET,
    outcome: ConversationsListOutcome | Unset = UNSET,
    q: str | Unset = UNSET,
    queue: UUID | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    status: ConversationsListStatus | Unset = UNSET,
    thread: str | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
) -> Response[PaginatedConversationDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `conversations:read`; permission `conversations.view_conversation`.

    Args:
        agent (UUID | Unset):
        contact (UUID | Unset):
        cursor (str | Unset):
        device (UUID | Unset):
        fields (str | Unset):
        is_waiting (bool | Unset):
        label (str | Unset):
        limit (int | Unset):  Default: 50.
        mode (ConversationsListMode | Unset):
        outcome (ConversationsListOutcome | Unset):
        q (str | Unset):
        queue (UUID | Unset):
        since (datetime.datetime | Unset):
        status (ConversationsListStatus | Unset):
        thread (str | Unset):
        until (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedConversationDataList | Refusal]
    """

    kwargs = _get_kwargs(
        agent=agent,
        contact=contact,
        cursor=cursor,
        device=device,
        fields=fields,
        is_waiting=is_waiting,
        label=label,
        limit=limit,
        mode=mode,
        outcome=outcome,
        q=q,
        queue=queue,
        since=since,
        status=status,
        thread=thread,
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
    contact: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    device: UUID | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_waiting: bool | Unset = UNSET,
    label: str | Unset = UNSET,
    limit: int | Unset = 50,
    mode: ConversationsListMode | Unset = UNSET,
    outcome: ConversationsListOutcome | Unset = UNSET,
    q: str | Unset = UNSET,
    queue: UUID | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    status: ConversationsListStatus | Unset = UNSET,
    thread: str | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
) -> PaginatedConversationDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `conversations:read`; permission `conversations.view_conversation`.

    Args:
        agent (UUID | Unset):
        contact (UUID | Unset):
        cursor (str | Unset):
        device (UUID | Unset):
        fields (str | Unset):
        is_waiting (bool | Unset):
        label (str | Unset):
        limit (int | Unset):  Default: 50.
        mode (ConversationsListMode | Unset):
        outcome (ConversationsListOutcome | Unset):
        q (str | Unset):
        queue (UUID | Unset):
        since (datetime.datetime | Unset):
        status (ConversationsListStatus | Unset):
        thread (str | Unset):
        until (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedConversationDataList | Refusal
    """

    return sync_detailed(
        client=client,
        agent=agent,
        contact=contact,
        cursor=cursor,
        device=device,
        fields=fields,
        is_waiting=is_waiting,
        label=label,
        limit=limit,
        mode=mode,
        outcome=outcome,
        q=q,
        queue=queue,
        since=since,
        status=status,
        thread=thread,
        until=until,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    agent: UUID | Unset = UNSET,
    contact: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    device: UUID | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_waiting: bool | Unset = UNSET,
    label: str | Unset = UNSET,
    limit: int | Unset = 50,
    mode: ConversationsListMode | Unset = UNSET,
    outcome: ConversationsListOutcome | Unset = UNSET,
    q: str | Unset = UNSET,
    queue: UUID | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    status: ConversationsListStatus | Unset = UNSET,
    thread: str | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
) -> Response[PaginatedConversationDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `conversations:read`; permission `conversations.view_conversation`.

    Args:
        agent (UUID | Unset):
        contact (UUID | Unset):
        cursor (str | Unset):
        device (UUID | Unset):
        fields (str | Unset):
        is_waiting (bool | Unset):
        label (str | Unset):
        limit (int | Unset):  Default: 50.
        mode (ConversationsListMode | Unset):
        outcome (ConversationsListOutcome | Unset):
        q (str | Unset):
        queue (UUID | Unset):
        since (datetime.datetime | Unset):
        status (ConversationsListStatus | Unset):
        thread (str | Unset):
        until (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedConversationDataList | Refusal]
    """

    kwargs = _get_kwargs(
        agent=agent,
        contact=contact,
        cursor=cursor,
        device=device,
        fields=fields,
        is_waiting=is_waiting,
        label=label,
        limit=limit,
        mode=mode,
        outcome=outcome,
        q=q,
        queue=queue,
        since=since,
        status=status,
        thread=thread,
        until=until,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    agent: UUID | Unset = UNSET,
    contact: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    device: UUID | Unset = UNSET,
    fields: str | Unset = UNSET,
    is_waiting: bool | Unset = UNSET,
    label: str | Unset = UNSET,
    limit: int | Unset = 50,
    mode: ConversationsListMode | Unset = UNSET,
    outcome: ConversationsListOutcome | Unset = UNSET,
    q: str | Unset = UNSET,
    queue: UUID | Unset = UNSET,
    since: datetime.datetime | Unset = UNSET,
    status: ConversationsListStatus | Unset = UNSET,
    thread: str | Unset = UNSET,
    until: datetime.datetime | Unset = UNSET,
) -> PaginatedConversationDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `conversations:read`; permission `conversations.view_conversation`.

    Args:
        agent (UUID | Unset):
        contact (UUID | Unset):
        cursor (str | Unset):
        device (UUID | Unset):
        fields (str | Unset):
        is_waiting (bool | Unset):
        label (str | Unset):
        limit (int | Unset):  Default: 50.
        mode (ConversationsListMode | Unset):
        outcome (ConversationsListOutcome | Unset):
        q (str | Unset):
        queue (UUID | Unset):
        since (datetime.datetime | Unset):
        status (ConversationsListStatus | Unset):
        thread (str | Unset):
        until (datetime.datetime | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedConversationDataList | Refusal
    """

    return (
        await asyncio_detailed(
            client=client,
            agent=agent,
            contact=contact,
            cursor=cursor,
            device=device,
            fields=fields,
            is_waiting=is_waiting,
            label=label,
            limit=limit,
            mode=mode,
            outcome=outcome,
            q=q,
            queue=queue,
            since=since,
            status=status,
            thread=thread,
            until=until,
        )
    ).parsed
