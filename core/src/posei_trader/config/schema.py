"""The JSON schema of a configuration class, described by the texts that stand in its source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

if TYPE_CHECKING:
    from pydantic_core.core_schema import IsInstanceSchema, ModelSchema

__all__ = ["SettingsSchema"]


class SettingsSchema(GenerateJsonSchema):
    """Write the schema of a configuration class and of those in it.

    Each setting has the text below it for a description. Settings that are known only by a
    protocol, such as a gateway's, are open objects.
    """

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """Describe a configuration class."""
        found = super().model_schema(schema)
        texts: dict[str, str] = {}
        for kind in reversed(schema["cls"].__mro__):
            if issubclass(kind, BaseModel) and kind is not BaseModel:
                texts |= _texts(kind)
        for name, setting in found.get("properties", {}).items():
            if name in texts:
                setting.setdefault("description", texts[name])
        return found

    def is_instance_schema(self, schema: IsInstanceSchema) -> JsonSchemaValue:
        """Describe a setting whose type is a protocol."""
        return {"type": "object", "title": schema["cls"].__name__}


def _texts(kind: type) -> dict[str, str]:
    """Return the text below each attribute of a class; none where it has no source."""
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):  # made by a program, or installed without sources
        return {}
    (definition,) = ast.parse(textwrap.dedent(source)).body
    if not isinstance(definition, ast.ClassDef):
        return {}
    return {
        setting.target.id: inspect.cleandoc(text.value.value)
        for setting, text in pairwise(definition.body)
        if isinstance(setting, ast.AnnAssign)
        and isinstance(setting.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
