from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.paginated_delivery_data_list import PaginatedDeliveryDataList
from ...models.refusal import Refusal
from ...models.webhooks_deliveries_list_status import WebhooksDeliveriesListStatus
from ...models.webhooks_deliveries_list_type import WebhooksDeliveriesListType
from ...types import UNSET, Response, Unset


def _get_kwargs(
    endpoint_uuid: UUID,
    *,
    conversation: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    limit: int | Unset = 50,
    status: WebhooksDeliveriesListStatus | Unset = UNSET,
    type_: WebhooksDeliveriesListType | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    json_conversation: str | Unset = UNSET
    if not isinstance(conversation, Unset):
        json_conversation = str(conversation)
    params["conversation"] = json_conversation

    params["cursor"] = cursor

    params["limit"] = limit

    json_status: str | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status.value

    params["status"] = json_status

    json_type_: str | Unset = UNSET
    if not isinstance(type_, Unset):
        json_type_ = type_.value

    params["type"] = json_type_

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/webhooks/{endpoint_uuid}/deliveries/".format(
            endpoint_uuid=quote(str(endpoint_uuid), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> PaginatedDeliveryDataList | Refusal | None:
    if response.status_code == 200:
        response_200 = PaginatedDeliveryDataList.from_dict(response.json())

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
) -> Response[PaginatedDeliveryDataList | Refusal]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    endpoint_uuid: UUID,
    *,
    client: AuthenticatedClient,
    conversation: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    limit: int | Unset = 50,
    status: WebhooksDeliveriesListStatus | Unset = UNSET,
    type_: WebhooksDeliveriesListType | Unset = UNSET,
) -> Response[PaginatedDeliveryDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `webhooks:read`; permission `integrations.view_delivery`.

    Args:
        endpoint_uuid (UUID):
        conversation (UUID | Unset):
        cursor (str | Unset):
        limit (int | Unset):  Default: 50.
        status (WebhooksDeliveriesListStatus | Unset):
        type_ (WebhooksDeliveriesListType | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedDeliveryDataList | Refusal]
    """

    kwargs = _get_kwargs(
        endpoint_uuid=endpoint_uuid,
        conversation=conversation,
        cursor=cursor,
        limit=limit,
        status=status,
        type_=type_,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    endpoint_uuid: UUID,
    *,
    client: AuthenticatedClient,
    conversation: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    limit: int | Unset = 50,
    status: WebhooksDeliveriesListStatus | Unset = UNSET,
    type_: WebhooksDeliveriesListType | Unset = UNSET,
) -> PaginatedDeliveryDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `webhooks:read`; permission `integrations.view_delivery`.

    Args:
        endpoint_uuid (UUID):
        conversation (UUID | Unset):
        cursor (str | Unset):
        limit (int | Unset):  Default: 50.
        status (WebhooksDeliveriesListStatus | Unset):
        type_ (WebhooksDeliveriesListType | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedDeliveryDataList | Refusal
    """

    return sync_detailed(
        endpoint_uuid=endpoint_uuid,
        client=client,
        conversation=conversation,
        cursor=cursor,
        limit=limit,
        status=status,
        type_=type_,
    ).parsed


async def asyncio_detailed(
    endpoint_uuid: UUID,
    *,
    client: AuthenticatedClient,
    conversation: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    limit: int | Unset = 50,
    status: WebhooksDeliveriesListStatus | Unset = UNSET,
    type_: WebhooksDeliveriesListType | Unset = UNSET,
) -> Response[PaginatedDeliveryDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `webhooks:read`; permission `integrations.view_delivery`.

    Args:
        endpoint_uuid (UUID):
        conversation (UUID | Unset):
        cursor (str | Unset):
        limit (int | Unset):  Default: 50.
        status (WebhooksDeliveriesListStatus | Unset):
        type_ (WebhooksDeliveriesListType | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedDeliveryDataList | Refusal]
    """

    kwargs = _get_kwargs(
        endpoint_uuid=endpoint_uuid,
        conversation=conversation,
        cursor=cursor,
        limit=limit,
        status=status,
        type_=type_,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    endpoint_uuid: UUID,
    *,
    client: AuthenticatedClient,
    conversation: UUID | Unset = UNSET,
    cursor: str | Unset = UNSET,
    limit: int | Unset = 50,
    status: WebhooksDeliveriesListStatus | Unset = UNSET,
    type_: WebhooksDeliveriesListType | Unset = UNSET,
) -> PaginatedDeliveryDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `webhooks:read`; permission `integrations.view_delivery`.

    Args:
        endpoint_uuid (UUID):
        conversation (UUID | Unset):
        cursor (str | Unset):
        limit (int | Unset):  Default: 50.
        status (WebhooksDeliveriesListStatus | Unset):
        type_ (WebhooksDeliveriesListType | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedDeliveryDataList | Refusal
    """

    return (
        await asyncio_detailed(
            endpoint_uuid=endpoint_uuid,
            client=client,
            conversation=conversation,
            cursor=cursor,
            limit=limit,
            status=status,
            type_=type_,
        )
    ).parsed
