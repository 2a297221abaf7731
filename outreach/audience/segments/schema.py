"""The JSON Schema of segment files, for editors; made from the definitions that read the files."""

from __future__ import annotations

from typing import Any

from outreach.audience.segments.rules import SHORT_FORMS, SegmentFile

ADDRESS = "https://json-schema.org/draft/2020-12/schema"
FILE_NAME = "segment.schema.json"


def schema() -> dict[str, Any]:
    """Return the schema: what may be a list may be one value, and what has a short form may be that."""
    made = SegmentFile.model_json_schema(by_alias=True)
    written: dict[str, Any] = _eased(made)
    for part, key in SHORT_FORMS.items():
        full = written["$defs"].pop(part.__name__)
        full.pop("title", None)
        written["$defs"][part.__name__] = {"anyOf": [full["properties"][key], full]}
    return {"$schema": ADDRESS, "title": "Segment (doelgroep)", **{k: v for k, v in written.items() if k != "title"}}


def _eased(node: Any) -> Any:
    if isinstance(node, list):
        return [_eased(item) for item in node]
    if not isinstance(node, dict):
        return node
    eased = {key: _eased(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    eased = _without_null(eased)
    if eased.get("type") == "string" and "enum" not in eased:
        eased["type"] = ["string", "number"]  # an unquoted code or postcode, which is read as it was typed
    if eased.get("type") == "array" and "Rule" not in str(eased.get("items")):
        listed = {key: eased.pop(key) for key in ("type", "items", "minItems", "maxItems") if key in eased}
        eased["anyOf"] = [listed["items"], {**listed, "minItems": 1}]
    return eased


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Leave out that a key may be null: a key without a value is refused."""
    choices = node.get("anyOf")
    if not isinstance(choices, list) or {"type": "null"} not in choices:
        return node
    kept = [choice for choice in choices if choice != {"type": "null"}]
    rest = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
    return {**kept[0], **rest} if len(kept) == 1 else {"anyOf": kept, **rest}
