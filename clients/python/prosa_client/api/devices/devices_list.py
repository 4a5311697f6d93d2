from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.devices_list_state import DevicesListState
from ...models.paginated_device_data_list import PaginatedDeviceDataList
from ...models.refusal import Refusal
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    cursor: str | Unset = UNSET,
    is_enabled: bool | Unset = UNSET,
    limit: int | Unset = 50,
    state: DevicesListState | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["cursor"] = cursor

    params["is_enabled"] = is_enabled

    params["limit"] = limit

    json_state: str | Unset = UNSET
    if not isinstance(state, Unset):
        json_state = state.value

    params["state"] = json_state

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/devices/",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> PaginatedDeviceDataList | Refusal | None:
    if response.status_code == 200:
        response_200 = PaginatedDeviceDataList.from_dict(response.json())

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
) -> Response[PaginatedDeviceDataList | Refusal]:
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
    is_enabled: bool | Unset = UNSET,
    limit: int | Unset = 50,
    state: DevicesListState | Unset = UNSET,
) -> Response[PaginatedDeviceDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `devices:read`; permission `channels_whatsapp.view_device`.

    Args:
        cursor (str | Unset):
        is_enabled (bool | Unset):
        limit (int | Unset):  Default: 50.
        state (DevicesListState | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedDeviceDataList | Refusal]
    """

    kwargs = _get_kwargs(
        cursor=cursor,
        is_enabled=is_enabled,
        limit=limit,
        state=state,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = UNSET,
    is_enabled: bool | Unset = UNSET,
    limit: int | Unset = 50,
    state: DevicesListState | Unset = UNSET,
) -> PaginatedDeviceDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `devices:read`; permission `channels_whatsapp.view_device`.

    Args:
        cursor (str | Unset):
        is_enabled (bool | Unset):
        limit (int | Unset):  Default: 50.
        state (DevicesListState | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedDeviceDataList | Refusal
    """

    return sync_detailed(
        client=client,
        cursor=cursor,
        is_enabled=is_enabled,
        limit=limit,
        state=state,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = UNSET,
    is_enabled: bool | Unset = UNSET,
    limit: int | Unset = 50,
    state: DevicesListState | Unset = UNSET,
) -> Response[PaginatedDeviceDataList | Refusal]:
    """Answer with a page.

     Answer with a page.

    Scope `devices:read`; permission `channels_whatsapp.view_device`.

    Args:
        cursor (str | Unset):
        is_enabled (bool | Unset):
        limit (int | Unset):  Default: 50.
        state (DevicesListState | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[PaginatedDeviceDataList | Refusal]
    """

    kwargs = _get_kwargs(
        cursor=cursor,
        is_enabled=is_enabled,
        limit=limit,
        state=state,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = UNSET,
    is_enabled: bool | Unset = UNSET,
    limit: int | Unset = 50,
    state: DevicesListState | Unset = UNSET,
) -> PaginatedDeviceDataList | Refusal | None:
    """Answer with a page.

     Answer with a page.

    Scope `devices:read`; permission `channels_whatsapp.view_device`.

    Args:
        cursor (str | Unset):
        is_enabled (bool | Unset):
        limit (int | Unset):  Default: 50.
        state (DevicesListState | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        PaginatedDeviceDataList | Refusal
    """

    return (
        await asyncio_detailed(
            client=client,
            cursor=cursor,
            is_enabled=is_enabled,
            limit=limit,
            state=state,
        )
    ).parsed
