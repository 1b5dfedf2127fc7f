"""Show the settings of a configuration class: name, type, default, meaning.

Core's configurations are pydantic models. A gateway's may be any class that names its provider; a
plain dataclass is read by its fields and the ``Attributes`` of its docstring, so that a gateway can
stand alone without pydantic.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import BaseModel

from posei_trader.cli.text import table
from posei_trader.config import GatewayConfig, PoseiConfig
from posei_trader.errors import PluginBroken

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from posei_trader.plugins import Provider

__all__ = ["config_class", "config_schema", "setting_names", "settings_table"]

_ATTRIBUTE: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


class _Setting(NamedTuple):
    name: str
    kind: str
    default: str
    meaning: str


def config_class(provider: Provider, part: str) -> type:
    """Import a configuration part and check that a node can use it.

    Raises:
        PluginError: it cannot be imported, or is neither derived from `PoseiConfig` nor a
            dataclass that satisfies `GatewayConfig`.
    """
    found = provider.load(part)
    if isinstance(found, type):
        if issubclass(found, PoseiConfig):
            return found
        if part == "config" and dataclasses.is_dataclass(found) and _names_provider(found):
            return found
    raise PluginBroken(
        f"part {part!r} of provider {provider.spec.name!r} is no configuration",
        field=f"{provider.spec.name}.{part}",
        value=provider.spec.parts()[part],
        remedy=f"derive it from {PoseiConfig.__module__}.PoseiConfig"
        + (
            f", or make it a dataclass with {GatewayConfig.__name__}'s 'provider'"
            * (part == "config")
        ),
    )


def _names_provider(kind: type) -> bool:
    return isinstance(inspect.getattr_static(kind, "provider", None), str | property)


def setting_names(kind: type) -> list[str]:
    """Return the names of the settings."""
    return [setting.name for setting in _settings(kind)]


def config_schema(kind: type) -> dict[str, object]:
    """Return a JSON schema of the settings; of a dataclass, types are as Python writes them."""
    if issubclass(kind, PoseiConfig):
        return kind.json_schema()
    properties = {
        setting.name: {
            "title": setting.kind,
            "description": setting.meaning,
            "default": setting.default,
        }
        for setting in _settings(kind)
    }
    return {"title": kind.__name__, "type": "object", "properties": properties}


def settings_table(kind: type) -> str:
    """Return one line for each setting of a configuration class."""
    return table(("SETTING", "TYPE", "DEFAULT", "MEANING"), _settings(kind))


def _settings(kind: type) -> list[_Setting]:
    if issubclass(kind, PoseiConfig):
        properties: Mapping[str, Mapping[str, object]] = kind.json_schema().get("properties", {})
        return [
            _Setting(
                name,
                _type(properties.get(name, {})),
                _default(info),
                _one_line(str(properties.get(name, {}).get("description", ""))),
            )
            for name, info in kind.model_fields.items()
        ]
    if not dataclasses.is_dataclass(kind):
        return []
    meanings = dict(_ATTRIBUTE.findall(inspect.getdoc(kind) or ""))
    return [
        _Setting(
            field.name,
            field.type.__name__ if isinstance(field.type, type) else str(field.type),
            _field_default(field),
            _one_line(meanings.get(field.name)),
        )
        for field in dataclasses.fields(kind)
    ]


def _field_default(field: dataclasses.Field[object]) -> str:
    if field.default is not dataclasses.MISSING:
        return _text(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return _text(field.default_factory())
    return "required"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    return _text(info.get_default(call_default_factory=True, validated_data={}))


def _text(value: object) -> str:
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
