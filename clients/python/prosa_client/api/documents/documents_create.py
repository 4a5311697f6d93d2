from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.document_data import DocumentData
from ...models.refusal import Refusal
from ...models.upload_request import UploadRequest
from ...types import UNSET, Response


def _get_kwargs(
    *,
    body: UploadRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/documents/",
    }

    _kwargs["files"] = body.to_multipart()

    headers["Content-Type"] = "multipart/form-data; boundary=+++"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> DocumentData | Refusal | None:
    if response.status_code == 201:
        response_201 = DocumentData.from_dict(response.json())

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

    if response.status_code == 413:
        response_413 = Refusal.from_dict(response.json())

        return response_413

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


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[DocumentData | Refusal]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: UploadRequest,
) -> Response[DocumentData | Refusal]:
    """Upload a file; it is read in the background, and `status` tells how far that is.

     Upload a file; it is read in the background, and `status` tells how far that is.

    Scope `knowledge:write`; permission `knowledge.add_document`.

    Args:
        body (UploadRequest): A file; the same bytes under the same name are no work, others make
            its next version.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DocumentData | Refusal]
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
    body: UploadRequest,
) -> DocumentData | Refusal | None:
    """Upload a file; it is read in the background, and `status` tells how far that is.

     Upload a file; it is read in the background, and `status` tells how far that is.

    Scope `knowledge:write`; permission `knowledge.add_document`.

    Args:
        body (UploadRequest): A file; the same bytes under the same name are no work, others make
            its next version.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DocumentData | Refusal
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: UploadRequest,
) -> Response[DocumentData | Refusal]:
    """Upload a file; it is read in the background, and `status` tells how far that is.

     Upload a file; it is read in the background, and `status` tells how far that is.

    Scope `knowledge:write`; permission `knowledge.add_document`.

    Args:
        body (UploadRequest): A file; the same bytes under the same name are no work, others make
            its next version.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DocumentData | Refusal]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: UploadRequest,
) -> DocumentData | Refusal | None:
    """Upload a file; it is read in the background, and `status` tells how far that is.

     Upload a file; it is read in the background, and `status` tells how far that is.

    Scope `knowledge:write`; permission `knowledge.add_document`.

    Args:
        body (UploadRequest): A file; the same bytes under the same name are no work, others make
            its next version.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DocumentData | Refusal
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
