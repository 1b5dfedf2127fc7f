"""Show the settings of a configuration class as a table: name, type, default, meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from posei_trader.cli.text import table

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from posei_trader.config import PoseiConfig

__all__ = ["settings_table"]


def settings_table(kind: type[PoseiConfig]) -> str:
    """Return one line for each setting of a configuration class."""
    properties: Mapping[str, Mapping[str, object]] = kind.json_schema().get("properties", {})
    rows = [
        (setting, _type(properties.get(setting, {})), _default(info), _one_line(info.description))
        for setting, info in kind.model_fields.items()
    ]
    return table(("SETTING", "TYPE", "DEFAULT", "MEANING"), rows)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return "its own"
    if isinstance(value, Mapping | set | frozenset | tuple | list):
        return str(list(value)) if value else "empty"
    return json.dumps(str(value)) if isinstance(value, str | Path) else str(value)


def _type(described: Mapping[str, object]) -> str:
    """Return the type that a JSON schema describes, in a few words."""
    match described:
        case {"enum": [*values]}:
            return " | ".join(map(repr, values))
        case {"const": value}:
            return repr(value)
        case {"anyOf": [*choices]}:
            return " | ".join(_type(choice) for choice in choices if isinstance(choice, Mapping))
        case {"$ref": str(reference)}:
            return reference.rpartition("/")[2]
        case {"type": "array", "items": dict(items)}:
            return f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": dict(items)}:
            return f"table of {_type(items)}"
        case {"type": "object", "title": str(title)}:
            return title
        case {"type": str(name)}:
            return "none" if name == "null" else name
        case _:
            return "any"
