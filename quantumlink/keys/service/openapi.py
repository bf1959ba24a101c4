"""The OpenAPI 3.1 document of what a node answers: ETSI GS QKD 014 and 020, SKIP, and keys pushed by devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from quantumlink.keys.delivery.etsi014 import ORIGIN_EXTENSION, Limits
from quantumlink.keys.material import ORIGINS
from quantumlink.keys.service.face_020 import MOST_ACKS, STATUSES
from quantumlink.keys.service.face_push import MOST_CHUNK_BYTES, MOST_INDEX
from quantumlink.keys.service.face_skip import MOST_ENTROPY_BITS

Json = dict[str, Any]

_UUID: Final = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_BASE64: Final = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_HEX: Final = "^([0-9a-f]{2})+$"
_SAID: Final = {
    "400": "malformed, or what it asks for is not there",
    "401": "the certificate is not entered, revoked or expired, or the pair not allowed",
    "404": "no such path",
    "405": "no such method at this path",
    "408": "the body came too slowly",
    "413": "the body is too large",
    "415": "the body is no JSON",
    "503": "not at present: too few keys, the other node away, too many requests",
}


def document(limits: Limits | None = None, *, saes: Sequence[str] = ()) -> Json:
    """The document of a node.

    Args:
        limits: what it offers.
        saes: ids of its applications, where they are to be named; any otherwise.
    """
    offered = limits or Limits()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "quantumlink key manager",
            "version": "1",
            "description": "Who calls is read from the client certificate alone. Sizes are in bits.",
        },
        "security": [{"certificate": []}],
        "paths": {**_etsi_014(offered, saes), **_skip(offered, saes), **_etsi_020(), **_push()},
        "components": {
            "securitySchemes": {"certificate": {"type": "mutualTLS"}},
            "schemas": _schemas(offered),
        },
    }


def _etsi_014(limits: Limits, saes: Sequence[str]) -> Json:
    number = {"type": "integer", "minimum": 1, "maximum": limits.max_key_per_request, "default": 1}
    found = {}
    for name, others in (
        ("status", {"get": _operation("status", "What there is for a slave", _ref("Status"))}),
        (
            "enc_keys",
            {
                "get": _operation(
                    "newKeysByGet", "New keys for the caller and a slave", _ref("Container"),
                    query={"number": number, "size": _size(limits)},
                ),
                "post": _operation(
                    "newKeys", "New keys for the caller and its slaves", _ref("Container"), body=_ref("KeyRequest"),
                    body_required=False,
                ),
            },
        ),
        (
            "dec_keys",
            {
                "get": _operation(
                    "keyByGet", "A key that a master has got", _ref("Container"),
                    query={"key_ID": {"type": "string"}}, required=("key_ID",),
                ),
                "post": _operation(
                    "keys", "Keys that a master has got: all or none", _ref("Container"), body=_ref("KeyIds")
                ),
            },
        ),
    ):  # fmt: skip
        found[f"/api/v1/keys/{{SAE_ID}}/{name}"] = {"parameters": [_sae("SAE_ID", saes, "path")], **others}
    return found


def _skip(limits: Limits, saes: Sequence[str]) -> Json:
    remote = _sae("remoteSystemID", saes, "query")
    key = _object({"keyId": _text(), "key": _text(_HEX)}, "keyId", "key")
    entropy = _object({"randomStr": _text(_HEX), "minentropy": {"type": "integer"}}, "randomStr", "minentropy")
    capabilities = _object(
        {
            "entropy": {"type": "boolean"}, "key": {"type": "boolean"}, "algorithm": _text(),
            "localSystemID": _text(), "remoteSystemID": {"type": "array", "items": _text()},
        },
        "entropy", "key", "algorithm", "localSystemID", "remoteSystemID",
    )  # fmt: skip
    bits = {"type": "integer", "minimum": 8, "maximum": MOST_ENTROPY_BITS, "default": 256}
    by_id = _operation("skipKeyById", "A key of another router (SKIP)", key)
    by_id["parameters"] = [_parameter("keyId", _text(), "path"), remote]
    new = _operation("skipKey", "A new key (SKIP)", key, query={"size": _size(limits)})
    new["parameters"].append(remote)
    return {
        "/capabilities": {"get": _operation("skipCapabilities", "What there is (SKIP)", capabilities)},
        "/key": {"get": new},
        "/key/{keyId}": {"get": by_id},
        "/entropy": {"get": _operation("skipEntropy", "Random bits (SKIP)", entropy, query={"minentropy": bits})},
    }


def _etsi_020() -> Json:
    acks = _object({"acks": {"type": "array", "items": _ref("Ack")}}, "acks")
    relayed = _object({"ack_status": {"enum": list(STATUSES)}, "key_ids": _ids()}, "key_ids")
    heard = _object({"key_ids": _ids()}, "key_ids")
    take = _operation("extKeys", "Keys of another domain", relayed, body=_ref("ExtKeys"), problems=True)
    take["responses"]["202"] = _response("kept; a call back follows", heard)
    versions = _object({"versions": {"type": "array", "items": _text()}}, "versions")
    void = _operation("voidExtKeys", "Give keys up", acks, body=_ref("VoidKeys"), problems=True)
    ack = _operation("ackExtKeys", "What became of keys", heard, body=_ref("AckKeys"), problems=True)
    return {
        "/kmapi/versions": {"get": _operation("versions", "Versions of this face", versions, problems=True)},
        "/kmapi/v1/ext_keys": {"post": take},
        "/kmapi/v1/ext_keys/void": {"post": void},
        "/kmapi/v1/ext_keys/ack": {"post": ack},
    }


def _push() -> Json:
    stream, index = _text(_UUID), {"type": "integer", "minimum": 0, "maximum": MOST_INDEX}
    size = {"type": "integer", "minimum": 1, "maximum": MOST_CHUNK_BYTES}
    following = _object({"key_stream_id": stream, "index": index}, "key_stream_id", "index")
    opening = _object({"key_chunk_size": size, "key_stream_id": stream}, "key_chunk_size")
    chunk = {"key_stream_id": stream, "index": index, "key_buffer": _text(_BASE64)}
    named = _object({"key_stream_id": stream}, "key_stream_id")
    return {
        "/push/v1/open_connect": {
            "post": _operation("openConnect", "A stream of a device", following, body=opening)
        },
        "/push/v1/push": {"post": _operation("push", "A chunk of key", following, body=_object(chunk, *chunk))},
        "/push/v1/close": {"post": _operation("close", "End a stream", named, body=named)},
    }


def _schemas(limits: Limits) -> Json:
    whole = {"type": "integer", "minimum": 0}
    status = {
        **dict.fromkeys(("source_KME_ID", "target_KME_ID", "master_SAE_ID", "slave_SAE_ID"), _text()),
        **dict.fromkeys(
            ("key_size", "stored_key_count", "max_key_count", "max_key_per_request", "max_key_size", "min_key_size",
             "max_SAE_ID_count"), whole,
        ),
    }  # fmt: skip
    names = {"type": "array", "items": _text(), "uniqueItems": True, "maxItems": limits.max_sae_id_count}
    origin = _object({ORIGIN_EXTENSION: {"enum": list(ORIGINS)}}, ORIGIN_EXTENSION)
    extensions = {"type": "array", "items": {"type": "object", "minProperties": 1}}
    number = {"type": "integer", "minimum": 1, "maximum": limits.max_key_per_request, "default": 1}
    request = {
        "number": number, "size": _size(limits), "additional_slave_SAE_IDs": names,
        "extension_mandatory": {"type": "array", "items": {**origin, "additionalProperties": False}},
        "extension_optional": extensions,
    }  # fmt: skip
    wanted = {"type": "array", "minItems": 1, "maxItems": limits.max_key_per_request, "uniqueItems": True}
    ext_key = _object({"key_id": _text(_UUID), "value": _text(_BASE64)}, "key_id", "value")
    ext_keys = {
        "keys": {**wanted, "items": ext_key}, "initiator_sae_id": _text(),
        "target_sae_ids": {"type": "array", "items": _text(), "minItems": 1, "uniqueItems": True},
        "ack_callback_url": _text(),
    }  # fmt: skip
    key = _object({"key_ID": _text(_UUID), "key": _text(_BASE64)}, "key_ID", "key")
    named = _object({"key_ID": {"type": "string"}}, "key_ID")
    fate = {"enum": list(STATUSES)}
    details = {"type": "array", "items": {"type": "object"}}
    acknowledged = {**_ids(), "minItems": 1, "maxItems": MOST_ACKS}
    problem = _object({"type": _text(), "status": whole, "detail": _text()}, "status", "detail")
    return {
        "Status": {**_object(status, *status), "additionalProperties": False},
        "Container": _object({"keys": {"type": "array", "items": key, "minItems": 1}}, "keys"),
        "KeyRequest": _object(request),
        "KeyIds": _object({"key_IDs": {**wanted, "items": named}}, "key_IDs"),
        "Error": _object({"message": _text(), "details": details}, "message"),
        "Problem": problem,
        "ExtKeys": _object(ext_keys, "keys", "initiator_sae_id", "target_sae_ids"),
        "VoidKeys": _object({"key_ids": _ids(), "all_confirmation": {"type": "boolean"}}, "key_ids"),
        "AckKeys": _object({"key_ids": acknowledged, "ack_status": fate}, "key_ids", "ack_status"),
        "Ack": _object({"key_id": _text(), "ack_status": fate}, "key_id", "ack_status"),
    }  # fmt: skip


def _operation(
    name: str,
    summary: str,
    answer: Json,
    *,
    query: Json | None = None,
    required: Sequence[str] = (),
    body: Json | None = None,
    body_required: bool = True,
    problems: bool = False,
) -> Json:
    kind, schema = ("application/problem+json", "Problem") if problems else ("application/json", "Error")
    refusals = {code: _response(text, _ref(schema), kind) for code, text in _SAID.items()}
    if problems:  # who is no node is answered before the face is
        for refusal in refusals.values():
            refusal["content"]["application/json"] = {"schema": _ref("Error")}
    refusals["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    refusals["405"]["headers"] = {"Allow": {"schema": _text()}}
    found: Json = {
        "operationId": name,
        "summary": summary,
        "parameters": [
            _parameter(each, schema, "query", required=each in required) for each, schema in (query or {}).items()
        ],
        "responses": {"200": _response("done", answer), **refusals},
    }
    if body is not None:
        found["requestBody"] = {"required": body_required, "content": {"application/json": {"schema": body}}}
    return found


def _response(text: str, schema: Json, kind: str = "application/json") -> Json:
    return {"description": text, "content": {kind: {"schema": schema}}}


def _parameter(name: str, schema: Json, where: str, *, required: bool = True) -> Json:
    return {"name": name, "in": where, "required": required, "schema": schema}


def _sae(name: str, saes: Sequence[str], where: str) -> Json:
    return _parameter(name, {"enum": list(saes)} if saes else _text(), where)


def _size(limits: Limits) -> Json:
    most, least = limits.max_key_size, limits.min_key_size
    return {"type": "integer", "minimum": least, "maximum": most, "multipleOf": 8, "default": limits.key_size}


def _text(pattern: str | None = None) -> Json:
    return {"type": "string", "minLength": 1} | ({} if pattern is None else {"pattern": pattern})


def _ids() -> Json:
    return {"type": "array", "items": _text(), "uniqueItems": True}


def _object(members: Json, *required: str) -> Json:
    return {"type": "object", "properties": members} | ({"required": list(required)} if required else {})


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
