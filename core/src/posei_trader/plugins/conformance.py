"""Compare what a class offers with what a protocol asks for, without calling any of it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["differences"]

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)


def differences(offered: object, protocol: type) -> list[str]:
    """Return, in words, every way in which a class fails a protocol; empty if it conforms.

    An object that is no class is judged by its class. Attributes that only ``__init__`` sets
    are invisible from outside: declare them in the class body, or as properties.
    """
    kind = offered if isinstance(offered, type) else type(offered)
    found: list[str] = []
    for name, wanted in sorted(_members(protocol)):
        given = inspect.getattr_static(kind, name, None)
        if given is None and not _is_declared(kind, name):
            found.append(f"{name} is missing")
        elif (expected := _function(wanted)) is not None:
            found.extend(f"{name} {problem}" for problem in _method_problems(given, expected))
        elif _function(given) is not None:
            found.append(f"{name} is a method, but should be a property or an attribute")
    return found


def _members(protocol: type) -> Iterator[tuple[str, object]]:
    for base in protocol.__mro__:
        if getattr(base, "_is_protocol", False):
            for name, value in vars(base).items():
                if not name.startswith("_") and (isinstance(value, property) or _function(value)):
                    yield name, value


def _is_declared(kind: type, name: str) -> bool:
    return any(name in vars(base).get("__annotations__", {}) for base in kind.__mro__)


def _function(member: object) -> Callable[..., object] | None:
    if isinstance(member, staticmethod | classmethod):
        member = member.__func__
    return member if inspect.isfunction(member) else None


def _method_problems(given: object, expected: Callable[..., object]) -> Iterator[str]:
    function = _function(given)
    if function is None:
        if not callable(given):
            yield "should be a method"
        return
    if inspect.iscoroutinefunction(expected) != inspect.iscoroutinefunction(function):
        wants = "a coroutine" if inspect.iscoroutinefunction(expected) else "a plain method"
        yield f"should be {wants}"
    yield from _parameter_problems(_parameters(given, function), _parameters(None, expected))


def _parameters(member: object, function: Callable[..., object]) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(function).parameters.values())
    is_bound = not isinstance(member, staticmethod) and parameters[:1] != []
    if member is None:
        is_bound = parameters[:1] != [] and parameters[0].name in {"self", "cls"}
    return parameters[1:] if is_bound else parameters


def _parameter_problems(
    given: list[inspect.Parameter], expected: list[inspect.Parameter]
) -> Iterator[str]:
    by_name = {parameter.name: parameter for parameter in given}
    takes_any = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in given)
    takes_any_name = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in given)
    order = [parameter.name for parameter in given if parameter.kind in _POSITIONAL]
    position = 0
    for parameter in expected:
        mine = by_name.get(parameter.name)
        if parameter.kind in _POSITIONAL:
            in_place = position < len(order) and order[position] == parameter.name
            if not in_place and not takes_any:
                yield f"should take {parameter.name!r} as argument {position + 1}"
            position += 1
        elif mine is None and not takes_any_name:
            yield f"should take the keyword {parameter.name!r}"
        if mine is not None and _has_default(parameter) and not _has_default(mine):
            yield f"should have a default for {parameter.name!r}"
    names = {parameter.name for parameter in expected}
    for parameter in given:
        if parameter.name not in names and _is_required(parameter):
            yield f"needs {parameter.name!r}, which nobody will give it"


def _has_default(parameter: inspect.Parameter) -> bool:
    return parameter.default is not inspect.Parameter.empty


def _is_required(parameter: inspect.Parameter) -> bool:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return not _has_default(parameter) and parameter.kind not in variadic
