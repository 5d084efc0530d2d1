"""Answers of language models as JSON: found in a text, and checked against the part of JSON Schema used here."""

import json
import re
from collections.abc import Mapping
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)


def object_in(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, has in a code fence, or begins at its first brace; None where there is none."""
    fenced = FENCE.findall(text)
    begun = text[text.index("{") :] if "{" in text else ""
    for candidate in (text, *fenced, begun):
        try:
            found, _ = json.JSONDecoder().raw_decode(candidate.strip())
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return None


def schema_fault(value: Any, schema: Mapping[str, Any], place: str = "the answer") -> str:  # noqa: ANN401 - any JSON
    """What of a value is not as its schema says, in words; empty where all is.

    Checked are type, enum, properties, required, additionalProperties, items, minItems and maxItems.
    """
    wanted = schema.get("type")
    if wanted and (not isinstance(value, TYPES[wanted]) or (isinstance(value, bool) and wanted != "boolean")):
        return f"{place} is no {wanted}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{place} is none of the values allowed"
    if isinstance(value, dict):
        return object_fault(value, schema, place)
    if isinstance(value, list):
        return array_fault(value, schema, place)
    return ""


def object_fault(value: dict[str, Any], schema: Mapping[str, Any], place: str) -> str:
    """The first fault of an object."""
    known = schema.get("properties", {})
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        return f"{missing[0]} is missing"
    extra = [name for name in value if name not in known]
    if extra and schema.get("additionalProperties") is False:
        return f"{extra[0]} was not asked for"
    faults = (schema_fault(value[name], rule, name) for name, rule in known.items() if name in value)
    return next((fault for fault in faults if fault), "")


def array_fault(value: list[Any], schema: Mapping[str, Any], place: str) -> str:
    """The first fault of a list."""
    least, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if not least <= len(value) <= most:
        return f"{place} has {len(value)} entries, not {least} to {most}"
    faults = (schema_fault(entry, schema.get("items", {}), f"{place}[{i}]") for i, entry in enumerate(value))
    return next((fault for fault in faults if fault), "")
