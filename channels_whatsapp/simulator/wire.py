"""The bytes of WuzAPI: Go's JSON text, its form encoding and its signature.

Source: samples recorded from WuzAPI 1.0.7 (Go 1.25, encoding/json, net/url). Python's own `json`
differs in four places that a signature notices: `< > &` and U+2028/9 are escaped, whole floats
lose their point, small and large floats are written otherwise, and lone surrogates are replaced.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlencode

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"

# Go writes a float64 plainly inside this range of magnitudes and with an exponent outside it.
PLAIN_FLOAT_FROM = 1e-6
PLAIN_FLOAT_BELOW = 1e21
# Whole numbers above this lose digits when WuzAPI passes them through float64.
FLOAT64_EXACT = 2**53

_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def _string(text: str) -> str:
    clean = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return json.dumps(clean, ensure_ascii=False).translate(_ESCAPES)


def _float(number: float) -> str:
    if number == 0:
        return "0"
    if PLAIN_FLOAT_FROM <= abs(number) < PLAIN_FLOAT_BELOW:
        text = format(Decimal(repr(number)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = f"{Decimal(repr(number)).normalize():e}".partition("e")
    return (
        f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0').zfill(2 if exponent[0] == '+' else 1)}"
    )


def _integer(number: int, *, through_float64: bool) -> str:
    if through_float64 and abs(number) > FLOAT64_EXACT:
        return _float(float(number))
    return str(number)


def dump(value: object, *, sort_keys: bool = True, through_float64: bool = False) -> str:
    """Write a value as Go's encoding/json would.

    Args:
        value: dicts, lists, tuples, strings, numbers, booleans and None, nested freely.
        sort_keys: sort at every level (Go maps); False keeps insertion order (Go structs).
        through_float64: whole numbers lose precision above 2**53, as after a decode into `any`.

    Raises:
        TypeError: for a value that JSON has no word for.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return _integer(value, through_float64=through_float64)
    if isinstance(value, float):
        return _float(value)
    return _container(value, sort_keys=sort_keys, through_float64=through_float64)


def _container(value: object, *, sort_keys: bool, through_float64: bool) -> str:
    def inner(item: object) -> str:
        return dump(item, sort_keys=sort_keys, through_float64=through_float64)

    if isinstance(value, Mapping):
        keys = sorted(value) if sort_keys else list(value)
        return "{" + ",".join(f"{_string(key)}:{inner(value[key])}" for key in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(inner, value)) + "]"
    raise TypeError(f"no JSON for {type(value).__name__}")


def reply_body(value: object) -> bytes:
    """Write the body of an API answer: keys sorted, compact, with the newline of Go's encoder."""
    return (dump(value) + "\n").encode()


def webhook_body(
    payload: Mapping[str, object],
    *,
    webhook_format: str,
    user_id: str,
    instance_name: str,
) -> tuple[str, bytes]:
    """Write one webhook delivery and return its content type and its bytes.

    Args:
        payload: the top-level keys but `userID` and `instanceName`; nested dicts in the order of
            the Go structs, which form mode shows.
        webhook_format: "json"; anything else is form mode, as in WuzAPI.
    """
    if webhook_format == "json":
        whole = {**payload, "instanceName": instance_name, "userID": user_id}
        return JSON_TYPE, dump(whole, sort_keys=True, through_float64=True).encode()
    top = {key: payload[key] for key in sorted(payload)}
    fields = {
        "instanceName": instance_name,
        "jsonData": dump(top, sort_keys=False),
        "userID": user_id,
    }
    return FORM_TYPE, urlencode(fields).encode()


def signature(body: bytes, *, key: str) -> str:
    """Return the value of `x-hmac-signature`: lower-case hex, no prefix, over the raw body."""
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
