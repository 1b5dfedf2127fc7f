"""The base of every configuration class: frozen, strict about keys, silent about secrets."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Annotated, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationError,
)

from posei_trader.config.frozen import FrozenDict
from posei_trader.config.translation import translated

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue

__all__ = ["FrozenMapping", "PoseiConfig"]

_Key = TypeVar("_Key")
_Item = TypeVar("_Item")


FrozenMapping = Annotated[Mapping[_Key, _Item], AfterValidator(FrozenDict)]
"""A mapping that cannot be changed after validation, like the rest of a configuration."""


class PoseiConfig(BaseModel):
    """Hold settings that cannot change once they are checked.

    Constructing one does no I/O. Unknown keys, missing keys and wrong types are refused with an
    error that names the setting and the remedy. Two configurations with equal settings are equal
    and hash alike. A `pydantic.SecretStr` stays masked in every text form.

    Raises:
        ConfigError: a setting is unknown, missing or wrong.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )

    def __init__(self, /, **settings: object) -> None:
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise translated(error, type(self)) from None

    # Marks this constructor as one that only delegates, so that nested configurations are validated
    # in place and an error knows its whole path. A test on nested paths guards it.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def from_mapping(cls, settings: Mapping[str, object], *, path: str = "") -> Self:
        """Build the configuration from plain data such as a TOML table.

        Args:
            settings: The settings by name.
            path: Dotted name of where they stand, put in front of the names in errors.

        Raises:
            ConfigError: a setting is unknown, missing or wrong.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise translated(error, cls, path) from None

    @classmethod
    def json_schema(cls) -> JsonSchemaValue:
        """Return the JSON schema of the settings, nested configurations included.

        A setting is described by the text below it in the source, where there is a source.
        """
        from posei_trader.config.schema import (  # noqa: PLC0415 - no part of a node's start
            SettingsSchema,
        )

        return cls.model_json_schema(schema_generator=SettingsSchema)

    def __hash__(self) -> int:
        return hash((type(self), _hashable(self.__dict__)))


def _hashable(value: object) -> object:
    if isinstance(value, Mapping):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(_hashable(item) for item in value)
    if isinstance(value, AbstractSet):
        return frozenset(_hashable(item) for item in value)
    return value
