"""The types of test_types.py: schemas that Pydantic 2 and zod 4 write for ordinary types. Pydantic writes its schemas
while the test runs. The schemas of zod are those of `z.toJSONSchema` of zod 4.4.3 in its own tests
(github.com/colinhacks/zod, packages/zod/src/v4/classic/tests/to-json-schema.test.ts, core/regexes.ts), because npm is
not reachable here."""

import base64
import collections
import dataclasses
import datetime
import decimal
import enum
import ipaddress
import pathlib
import re
import uuid
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar, Union

import pydantic
from pydantic import BaseModel, ConfigDict, Field, RootModel
from typing_extensions import NotRequired, TypedDict


class Colour(enum.Enum):
    red = "red"
    two = 2


class Level(enum.IntEnum):
    low = 1
    high = 2


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    barks: bool


class Node(BaseModel):
    value: int
    children: list["Node"] = Field(default=[], max_length=2)


T = TypeVar("T")


class Box(BaseModel, Generic[T]):
    item: T


@pydantic.dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5


class Movie(TypedDict):
    title: Annotated[str, Field(max_length=8)]
    year: NotRequired[int]


class Pair(NamedTuple):
    a: int
    b: bool = True


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: uuid.UUID
    when: datetime.datetime
    colour: Colour = Colour.red
    pet: Annotated[Union[Cat, Dog], Field(discriminator="kind")]
    best: Optional[Cat] = None


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int]
    a: bool


class Numbers(RootModel[list[int]]):
    pass


PYDANTIC = {
    "uuid": uuid.UUID,
    "uuid1": pydantic.UUID1,
    "uuid4": pydantic.UUID4,
    "uuid7": pydantic.UUID7,
    "url": pydantic.AnyUrl,
    "http url": pydantic.HttpUrl,
    "path": pathlib.Path,
    "date": datetime.date,
    "datetime": datetime.datetime,
    "aware datetime": pydantic.AwareDatetime,
    "time": datetime.time,
    "duration": datetime.timedelta,
    "ipv4": ipaddress.IPv4Address,
    "ipv6": ipaddress.IPv6Address,
    "any address": pydantic.IPvAnyAddress,
    "any interface": pydantic.IPvAnyInterface,
    "any network": pydantic.IPvAnyNetwork,
    "ipv4 network": ipaddress.IPv4Network,
    "ipv6 network": ipaddress.IPv6Network,
    "ipv4 interface": ipaddress.IPv4Interface,
    "ipv6 interface": ipaddress.IPv6Interface,
    "bounded int": pydantic.conint(ge=1, le=10),
    "int multiple": pydantic.conint(multiple_of=5),
    "int64": pydantic.conint(ge=-(2**63), le=2**63 - 1),
    "bounded float": pydantic.confloat(gt=0, lt=1),
    "float multiple": pydantic.confloat(multiple_of=0.25),
    "positive int": pydantic.PositiveInt,
    "bounded str": pydantic.constr(min_length=1, max_length=5),
    "pattern": pydantic.constr(pattern="^[a-z]+$", max_length=5),
    "regex": re.Pattern,
    "bytes": bytes,
    "bounded bytes": pydantic.conbytes(min_length=1, max_length=5),
    "base64": pydantic.Base64Bytes,
    "base64url": pydantic.Base64UrlBytes,
    "secret": pydantic.SecretStr,
    "byte size": pydantic.conint(ge=0),
    "bool": bool,
    "any": Any,
    "optional": Optional[int],
    "union": Union[int, str],
    "literal": Literal["a", 1, True, None],
    "enum": Colour,
    "int enum": Level,
    "list": pydantic.conlist(int, min_length=1, max_length=3),
    "set": set[int],
    "bounded set": pydantic.conset(Literal["a", "b", "c"], min_length=2, max_length=3),
    "frozenset": frozenset[str],
    "set of uuids": set[uuid.UUID],
    "tuple": tuple[int, bool],
    "any tuple": tuple[int, ...],
    "empty tuple": tuple[()],
    "named tuple": Pair,
    "dict": dict[str, int],
    "dict of uuids": dict[uuid.UUID, int],
    "dict of dates": dict[datetime.date, int],
    "dict of literals": dict[Literal["a", "b"], int],
    "dict of enum": dict[Colour, int],
    "dict of ints": Annotated[dict[str, int], Field(min_length=2, max_length=3)],
    "dict of patterns": dict[pydantic.constr(pattern="^[a-z]{1,3}$"), int],
    "counter": collections.Counter[str],
    "deque": collections.deque[int],
    "discriminated": Annotated[Union[Cat, Dog], Field(discriminator="kind")],
    "recursive": Node,
    "generic": Box[uuid.UUID],
    "dataclass": Point,
    "typed dict": Movie,
    "closed model": Closed,
    "open model": Open,
    "root model": Numbers,
}
# Types whose schema says less than the type: any string is generated, and Pydantic may reject it.
LOOSE = {
    "decimal": decimal.Decimal,
    "bounded decimal": pydantic.condecimal(ge=0, le=10),
    "json": pydantic.Json[list[int]],
    "file url": pydantic.FileUrl,
    "naive datetime": pydantic.NaiveDatetime,
    "past date": pydantic.PastDate,
    "postgres": pydantic.PostgresDsn,
    "base64 text": pydantic.Base64Str,
    "size": pydantic.ByteSize,
}

DATE = r"(?:(?:\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00)-02-29|\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|(?:02)-(?:0[1-9]|1\d|2[0-8])))"
BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])"
H = "[0-9a-fA-F]{1,4}"
IPV6 = (
    rf"^(({H}:){{7}}{H}|({H}:){{1,7}}:|({H}:){{1,6}}:{H}|({H}:){{1,5}}(:{H}){{1,2}}|({H}:){{1,4}}(:{H}){{1,3}}|({H}:){{1,3}}(:{H}){{1,4}}|({H}:){{1,2}}(:{H}){{1,5}}|{H}:((:{H}){{1,6}})"
    rf"|:((:{H}){{1,7}}|:))"
)


def text(format=None, pattern=None, **more):
    return (
        {"type": "string"} | ({"format": format} if format else {}) | ({"pattern": pattern} if pattern else {}) | more
    )


def closed(required=None, **properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


ZOD = {
    "z.uuid": text(
        "uuid",
        r"^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$",
    ),
    "z.guid": text("uuid", r"^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})$"),
    "z.url": text("uri"),
    "z.url.max": text("uri", minLength=12, maxLength=2083),
    "z.email": text(
        "email", r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$"
    ),
    "z.iso.date": text("date", f"^{DATE}$"),
    "z.iso.datetime": text("date-time", rf"^{DATE}T(?:(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z))$"),
    "z.iso.datetime.offset": text(
        "date-time",
        rf"^{DATE}T(?:(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|([+-](?:[01]\d|2[0-3]):[0-5]\d)))$",
    ),
    "z.iso.time": text(None, r"^(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?$"),
    "z.iso.duration": text(
        "duration", r"^P(?:(\d+W)|(?!.*W)(?=\d|T\d)(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+([.,]\d+)?S)?)?)$"
    ),
    "z.ipv4": text("ipv4", rf"^(?:{BYTE}\.){{3}}{BYTE}$"),
    "z.ipv6": text("ipv6", IPV6 + "$"),
    "z.cidrv4": text("cidrv4", rf"^({BYTE}\.){{3}}{BYTE}\/([0-9]|[1-2][0-9]|3[0-2])$"),
    "z.cidrv6": text("cidrv6", IPV6 + r"\/(12[0-8]|1[01][0-9]|[1-9]?[0-9])$"),
    "z.mac": text("mac", "^(?:[0-9A-F]{2}:){5}[0-9A-F]{2}$|^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$"),
    "z.jwt": text("jwt"),
    "z.nanoid": text("nanoid", "^[a-zA-Z0-9_-]{21}$"),
    "z.cuid": text("cuid", "^[cC][0-9a-z]{6,}$"),
    "z.cuid2": text("cuid2", "^[0-9a-z]+$"),
    "z.ulid": text("ulid", "^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$"),
    "z.base64": text(
        "base64",
        "^$|^(?:[0-9a-zA-Z+/]{4})*(?:(?:[0-9a-zA-Z+/]{2}==)|(?:[0-9a-zA-Z+/]{3}=))?$",
        contentEncoding="base64",
    ),
    "z.base64url": text("base64url", "^[A-Za-z0-9_-]*$", contentEncoding="base64url"),
    "z.e164": text("e164", r"^\+[1-9]\d{6,14}$"),
    "z.hostname": text(
        "hostname",
        r"^(?=.{1,253}\.?$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[-0-9a-zA-Z]{0,61}[0-9a-zA-Z])?)*\.?$",
    ),
    "z.hash": text("sha256_hex", "^[0-9a-fA-F]{64}$"),
    "z.regex": text(None, "asdf", maxLength=20),
    "z.startsWith.includes.endsWith": {
        "type": "string",
        "maxLength": 40,
        "allOf": [
            {"pattern": "^hello.*"},
            {"pattern": "cruel"},
            {"pattern": "^.{10}dark"},
            {"pattern": ".*world$"},
            {"pattern": "stuff"},
        ],
    },
    "z.templateLiteral": text(None, r"^user-\d+$"),
    "z.int": {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991},
    "z.int32": {"type": "integer", "minimum": -2147483648, "maximum": 2147483647},
    "z.float32": {"type": "number", "minimum": -3.4028234663852886e38, "maximum": 3.4028234663852886e38},
    "z.number.multipleOf": {"type": "number", "multipleOf": 0.5},
    "z.nullable": {"type": ["string", "null"]},
    "z.nullable object": {"anyOf": [closed(a={"type": "boolean"}), {"type": "null"}]},
    "z.literal": {"const": 7, "type": "number"},
    "z.literals": {"enum": ["hello", None, 5]},
    "z.enum": {"enum": ["a", "b", "c"], "type": "string"},
    "z.any": {},
    "z.record": {"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {"type": "boolean"}},
    "z.record(enum)": {
        "type": "object",
        "propertyNames": {"enum": ["key1", "key2"], "type": "string"},
        "additionalProperties": {"type": "number"},
        "required": ["key1", "key2"],
    },
    "z.partialRecord": {
        "type": "object",
        "propertyNames": {"enum": ["key1", "key2"], "type": "string"},
        "additionalProperties": {"type": "number"},
    },
    "z.record(regex)": {
        "type": "object",
        "propertyNames": {"pattern": "^label:[a-z]{2}$", "type": "string"},
        "additionalProperties": {"type": "boolean"},
    },
    "z.looseRecord": {
        "type": "object",
        "patternProperties": {"^prefix_": {"type": "number"}, "_suffix$": {"type": "integer"}},
    },
    "z.tuple": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "number"}],
        "items": False,
        "minItems": 2,
        "maxItems": 2,
    },
    "z.tuple.rest": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "number"}],
        "items": {"type": "boolean"},
        "minItems": 2,
    },
    "z.discriminatedUnion": {
        "oneOf": [
            closed(type={"type": "string", "const": "success"}, data={"type": "string"}),
            closed(type={"type": "string", "const": "error"}, message={"type": "string"}),
        ]
    },
    "z.object.optional": closed(["a"], a={"type": "string"}, b={"type": "string", "default": "x"}, c={"not": {}}),
    "z.looseObject": closed(a={"type": "boolean"}) | {"additionalProperties": {}},
    "z.lazy": closed(
        name={"type": "string", "maxLength": 4}, subcategories={"type": "array", "items": {"$ref": "#"}, "maxItems": 2}
    ),
    "z.intersection": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"type": "number"}}, "required": ["b"]},
        ]
    },
    # Pydantic 2.12 wrote decimals with lookaheads.
    "Decimal": {"anyOf": [{"type": "number"}, text(None, r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$")]},
    "condecimal": {
        "anyOf": [
            {"type": "number"},
            text(None, r"^(?!^[-+.]*$)[+-]?0*(?:\d{0,4}|(?=[\d.]{1,7}0*$)\d{0,4}\.\d{0,2}0*$)"),
        ]
    },
}
