"""Turn pydantic's validation errors into ours: the setting, the value, the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import TYPE_CHECKING, Final, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from posei_trader.errors import ABSENT, ConfigError, PoseiError
from posei_trader.plugins.closest import closest, did_you_mean
from posei_trader.secrecy import SECRET_NAMES, looks_secret

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

__all__ = ["alternatives", "dotted", "translated"]

_MASK: Final = SecretStr("masked")


def dotted(*parts: str | int) -> str:
    """Join the steps to a setting: names with dots, positions in brackets."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text and part else str(part)
    return text


def translated(error: ValidationError, model: type[BaseModel], path: str = "") -> ConfigError:
    """Return our error for pydantic's; several problems become one error that lists them all."""
    details = error.errors(include_url=False)
    problems = [_problem(detail, model, path) for detail in details]
    return problems[0] if len(problems) == 1 else ConfigError.of(problems)


def _problem(detail: ErrorDetails, model: type[BaseModel], path: str) -> ConfigError:
    location = detail["loc"]
    owner, annotation = _owner_of(model, location)
    name = str(location[-1]) if location else ""
    field = dotted(path, *location)
    if detail["type"] == "extra_forbidden":
        known: Mapping[str, FieldInfo] = owner.model_fields if owner else {}
        return ConfigError(
            f"unknown setting {name!r}{_of(owner)}",
            field=field,
            value=_shown_unknown(name, detail["input"], known),
            remedy=did_you_mean(name, known),
        )
    if detail["type"] == "missing":
        return ConfigError(
            f"required setting {name!r}{_of(owner)} is missing",
            field=field,
            remedy="give it a value",
        )
    value = _shown(name, detail["input"], annotation)
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, PoseiError):
        return ConfigError(cause.message, field=field, value=value, remedy=cause.remedy)
    return ConfigError(
        f"wrong value for {name!r}{_of(owner)}" if name else f"wrong settings{_of(model)}",
        field=field or None,
        value=value,
        remedy=_remedy(detail),
    )


def _of(model: type[BaseModel] | None) -> str:
    return f" of {model.__name__}" if model else ""


def _remedy(detail: ErrorDetails) -> str:
    text = detail["msg"].removeprefix("Value error, ")
    text = text.replace("Input should", "it should", 1)
    return text[:1].lower() + text[1:]


def _shown(name: str, value: object, annotation: object) -> object:
    """Return what of a value may be shown: never a secret, and nothing that may contain one."""
    if looks_secret(name) or any(kind in {SecretStr, SecretBytes} for kind in _types(annotation)):
        return _MASK
    if isinstance(value, Mapping | BaseModel):
        return ABSENT
    return value


def _shown_unknown(name: str, value: object, known: Mapping[str, FieldInfo]) -> object:
    # A misspelt key may hold a secret: judge it by what was probably meant, a setting of this
    # configuration or, where none is like it, of another one.
    match = closest(name, known)
    meant = known[match].annotation if match is not None else None
    if looks_secret(name) or closest(name, SECRET_NAMES) is not None:
        return _MASK
    return _shown(match or name, value, meant)


def _owner_of(
    model: type[BaseModel], location: tuple[str | int, ...]
) -> tuple[type[BaseModel] | None, object]:
    """Return the model that the last step belongs to, and what is declared for that step."""
    owner: type[BaseModel] | None = None
    annotation: object = model
    for part in location:
        owner = _model_in(annotation)
        annotation = _declared(annotation, part)
    return owner, annotation


def _declared(annotation: object, part: str | int) -> object:
    model = _model_in(annotation)
    if model is not None:
        info = model.model_fields.get(str(part))
        return info.annotation if info else None
    for member in alternatives(annotation):
        items = get_args(member)
        if items and get_origin(member) not in {None, Union, UnionType}:
            return items[-1] if items[-1] is not Ellipsis else items[0]
    return None


def _model_in(annotation: object) -> type[BaseModel] | None:
    for member in alternatives(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            return member
    return None


def alternatives(annotation: object) -> Iterator[object]:
    """Yield the alternatives of an annotation, `Annotated` and unions taken apart."""
    if getattr(annotation, "__metadata__", None) is not None:
        yield from alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType}:
        for member in get_args(annotation):
            yield from alternatives(member)
    else:
        yield annotation


def _types(annotation: object) -> Iterator[object]:
    yield annotation
    for argument in get_args(annotation):
        yield from _types(argument)
