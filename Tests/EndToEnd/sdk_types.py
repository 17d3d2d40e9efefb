"""The fields that OpenAI's SDK may send, read from its types: the path of every field, and the values of
enumerations."""

import collections.abc
import types
import typing

import typing_extensions

WRAPPERS = (
    typing.Annotated,
    typing.Required,
    typing.NotRequired,
    typing_extensions.Required,
    typing_extensions.NotRequired,
)


def unwrap(kind):
    while typing.get_origin(kind) in WRAPPERS:
        kind = typing.get_args(kind)[0]
    return kind


def members(kind):
    """Returns names and types of an object's fields."""
    return typing_extensions.get_type_hints(kind, include_extras=True).items()


def values(kind):
    """Returns the values of a type that is a `Literal` or a union of them."""
    kind = unwrap(kind)
    if typing.get_origin(kind) is typing.Literal:
        return list(typing.get_args(kind))
    return (
        [value for part in typing.get_args(kind) for value in values(part)]
        if typing.get_origin(kind) in (typing.Union, types.UnionType)
        else []
    )


def walk(kind, path, decide, within=()):
    """Yields pairs of a path and a value (None for the field itself). Does not descend into fields that `decide(path,
    value)` does not call read, nor into objects whose `type` is not read."""
    kind = unwrap(kind)
    origin = typing.get_origin(kind)
    if origin is typing.Literal:
        yield from ((path, value) for value in typing.get_args(kind))
    elif typing_extensions.is_typeddict(kind):
        if kind in within:
            return
        fields = dict(members(kind))
        tags = values(fields["type"]) if "type" in fields and path else []
        for value in tags:
            yield f"{path}.type", value
        if tags and all(decide(f"{path}.type", value) != "read" for value in tags):
            return
        for name, part in fields.items():
            field = f"{path}.{name}" if path else name
            yield field, None
            if decide(field, None) == "read":
                yield from walk(part, field, decide, (*within, kind))
            else:
                yield from ((field, value) for value in values(part))
    elif origin in (list, collections.abc.Iterable) or "SequenceNotStr" in str(origin):
        yield from walk(typing.get_args(kind)[0], f"{path}[]", decide, within)
    elif origin is not None and origin is not dict:
        for part in typing.get_args(kind):
            yield from walk(part, path, decide, within)


def fields(kind, decide):
    """Returns every path of a request type with its values, in order."""
    found = {}
    for path, value in walk(kind, "", decide):
        found.setdefault(path, [])
        if value is not None and value not in found[path]:
            found[path].append(value)
    return found
