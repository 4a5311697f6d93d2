from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.conversation_data import ConversationData
from ...models.refusal import Refusal
from ...types import UNSET, Response, Unset


def _get_kwargs(
    uuid: UUID,
    *,
    fields: str | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["fields"] = fields

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/conversations/{uuid}/".format(
            uuid=quote(str(uuid), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ConversationData | Refusal | None:
    if response.status_code == 200:
        response_200 = ConversationData.from_dict(response.json())

        return response_200

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
) -> Response[ConversationData | Refusal]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    uuid: UUID,
    *,
    client: AuthenticatedClient,
    fields: str | Unset = UNSET,
) -> Response[ConversationData | Refusal]:
    """Answer with the row.

     Answer with the row.

    Scope `conversations:read`; permission `conversations.view_conversation`.

    Args:
        uuid (UUID):
        fields (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ConversationData | Refusal]
    """

    kwargs = _get_kwargs(
        uuid=uuid,
        fields=fields,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    uuid: UUID,
    *,
    client: AuthenticatedClient,
    fields: str | Unset = UNSET,
) -> ConversationData | Refusal | None:
    """Answer with the row.

     Answer with the row.

    Scope `conversations:read`; permission `conversations.view_conversation`.

    Args:
        uuid (UUID):
        fields (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ConversationData | Refusal
    """

    return sync_detailed(
        uuid=uuid,
        client=client,
        fields=fields,
    ).parsed


async def asyncio_detailed(
    uuid: UUID,
    *,
    client: AuthenticatedClient,
    fields: str | Unset = UNSET,
) -> Response[ConversationData | Refusal]:
    """Answer with the row.

     Answer with the row.

    Scope `conversations:read`; permission `conversations.view_conversation`.

    Args:
        uuid (UUID):
        fields (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ConversationData | Refusal]
    """

    kwargs = _get_kwargs(
        uuid=uuid,
        fields=fields,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    uuid: UUID,
    *,
    client: AuthenticatedClient,
    fields: str | Unset = UNSET,
) -> ConversationData | Refusal | None:
    """Answer with the row.

     Answer with the row.

    Scope `conversations:read`; permission `conversations.view_conversation`.

    Args:
        uuid (UUID):
        fields (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ConversationData | Refusal
    """

    return (
        await asyncio_detailed(
            uuid=uuid,
            client=client,
            fields=fields,
        )
    ).parsed
