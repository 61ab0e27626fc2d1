"""Writes down the JSON Schemas of all types of pydantic: `python3 scripts/write-pydantic-schemas.py`, with pydantic[email] installed."""

import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import pathlib
import re
import typing
import uuid
from collections import deque
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union

import annotated_types
import pydantic
import typing_extensions
from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter
from pydantic.dataclasses import dataclass

OUT = pathlib.Path(__file__).parent.parent / "test/grammar/machine-schemas/pydantic.json"


class Color(enum.Enum):
    red = "r"
    green = "g"


class Level(enum.IntEnum):
    low = 1
    high = 2


class Address(BaseModel):
    street: str
    number: int | None = None


class Person(BaseModel):
    """A person."""

    name: str = Field(min_length=1, description="Full name", examples=["Ada"])
    age: int = Field(ge=0, lt=150)
    address: Address
    tags: list[str] = []
    nick: Optional[str] = Field(default=None, deprecated=True)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", title="Strictly", json_schema_extra={"examples": [{"a": 1}]})
    a: int
    b: str = Field("x", alias="bee")


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


class Typed(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int] = Field(init=False)
    a: int


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Pet(BaseModel):
    pet: Annotated[Union[Cat, Dog], Field(discriminator="kind")]


class Tree(BaseModel):
    value: int
    children: list["Tree"] = []


class Computed(BaseModel):
    a: int

    @pydantic.computed_field
    @property
    def double(self) -> int:
        return 2 * self.a


class Point(NamedTuple):
    x: int
    y: int = 0


class Movie(typing_extensions.TypedDict, total=False):
    title: typing_extensions.Required[str]
    year: int


class ClosedMovie(typing_extensions.TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")
    title: str


@dataclass
class Box:
    width: int
    height: float = 1.0


class Names(RootModel[list[str]]):
    pass


T = typing.TypeVar("T")


class Wrapper(BaseModel, typing.Generic[T]):
    value: T


class Answer(BaseModel):
    """An answer with its reasoning first."""

    model_config = ConfigDict(json_schema_extra={"propertyOrdering": ["reasoning", "answer"]})
    answer: bool
    reasoning: str


# name, type, values that are valid
CASES: list[tuple[str, Any, list[Any]]] = [
    ("str", str, ["a"]),
    ("str with bounds", Annotated[str, Field(min_length=1, max_length=3)], ["ab"]),
    ("str with a pattern", Annotated[str, Field(pattern=r"^\d{3}$")], ["123"]),
    ("constr", pydantic.constr(strip_whitespace=True, to_lower=True, min_length=2), ["ab"]),
    ("StrictStr", pydantic.StrictStr, ["a"]),
    ("int", int, [1, -1]),
    ("int with bounds", Annotated[int, Field(ge=1, lt=10, multiple_of=3)], [3, 9]),
    ("64-bit int", Annotated[int, Field(ge=-(2**63), le=2**63 - 1)], [1]),
    ("literal of 64 bits", Literal[1181234567890123456, 1181234567890123457], [1181234567890123457]),
    ("conint", pydantic.conint(gt=0), [1]),
    ("PositiveInt", pydantic.PositiveInt, [1]),
    ("NegativeInt", pydantic.NegativeInt, [-1]),
    ("NonPositiveInt", pydantic.NonPositiveInt, [0]),
    ("NonNegativeInt", pydantic.NonNegativeInt, [0]),
    ("StrictInt", pydantic.StrictInt, [1]),
    ("float", float, [1.5]),
    ("float with bounds", Annotated[float, Field(gt=0, le=1)], [0.5]),
    ("confloat", pydantic.confloat(multiple_of=0.5), [1.5]),
    ("PositiveFloat", pydantic.PositiveFloat, [0.5]),
    ("NegativeFloat", pydantic.NegativeFloat, [-0.5]),
    ("NonPositiveFloat", pydantic.NonPositiveFloat, [0]),
    ("NonNegativeFloat", pydantic.NonNegativeFloat, [0]),
    ("StrictFloat", pydantic.StrictFloat, [0.5]),
    ("FiniteFloat", pydantic.FiniteFloat, [0.5]),
    ("bool", bool, [True]),
    ("StrictBool", pydantic.StrictBool, [True]),
    ("None", type(None), [None]),
    ("bytes", bytes, ["a"]),
    ("conbytes", pydantic.conbytes(min_length=1), ["a"]),
    ("StrictBytes", pydantic.StrictBytes, ["a"]),
    ("Decimal", decimal.Decimal, ["1.5"]),
    ("condecimal", pydantic.condecimal(max_digits=5, decimal_places=2), ["1.5"]),
    ("Decimal with bounds", Annotated[decimal.Decimal, Field(ge=0, le=10)], ["1.5"]),
    ("complex", complex, ["1+2j"]),
    ("Fraction", fractions.Fraction, ["1/2"]),
    ("date", datetime.date, ["2026-02-28"]),
    ("datetime", datetime.datetime, ["2026-02-28T12:30:00Z"]),
    ("time", datetime.time, ["12:30:00Z"]),
    ("timedelta", datetime.timedelta, ["P1DT2H"]),
    ("condate", pydantic.condate(gt=datetime.date(2020, 1, 1)), ["2026-02-28"]),
    ("PastDate", pydantic.PastDate, ["2026-02-28"]),
    ("FutureDate", pydantic.FutureDate, ["2026-02-28"]),
    ("PastDatetime", pydantic.PastDatetime, ["2026-02-28T12:30:00Z"]),
    ("FutureDatetime", pydantic.FutureDatetime, ["2026-02-28T12:30:00Z"]),
    ("AwareDatetime", pydantic.AwareDatetime, ["2026-02-28T12:30:00Z"]),
    ("NaiveDatetime", pydantic.NaiveDatetime, ["2026-02-28T12:30:00Z"]),
    ("UUID", uuid.UUID, ["9b2f1c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d"]),
    ("UUID1", pydantic.UUID1, ["9b2f1c3d-4e5f-1a6b-8c7d-0e1f2a3b4c5d"]),
    ("UUID3", pydantic.UUID3, ["9b2f1c3d-4e5f-3a6b-8c7d-0e1f2a3b4c5d"]),
    ("UUID4", pydantic.UUID4, ["9b2f1c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d"]),
    ("UUID5", pydantic.UUID5, ["9b2f1c3d-4e5f-5a6b-8c7d-0e1f2a3b4c5d"]),
    ("UUID6", pydantic.UUID6, ["9b2f1c3d-4e5f-6a6b-8c7d-0e1f2a3b4c5d"]),
    ("UUID7", pydantic.UUID7, ["9b2f1c3d-4e5f-7a6b-8c7d-0e1f2a3b4c5d"]),
    ("UUID8", pydantic.UUID8, ["9b2f1c3d-4e5f-8a6b-8c7d-0e1f2a3b4c5d"]),
    ("EmailStr", pydantic.EmailStr, ["ada@example.org"]),
    ("NameEmail", pydantic.NameEmail, ["Ada <ada@example.org>"]),
    ("AnyUrl", pydantic.AnyUrl, ["https://example.org/"]),
    ("AnyHttpUrl", pydantic.AnyHttpUrl, ["https://example.org/"]),
    ("HttpUrl", pydantic.HttpUrl, ["https://example.org/"]),
    ("AnyWebsocketUrl", pydantic.AnyWebsocketUrl, ["wss://example.org/"]),
    ("WebsocketUrl", pydantic.WebsocketUrl, ["wss://example.org/"]),
    ("FileUrl", pydantic.FileUrl, ["file:///a"]),
    ("FtpUrl", pydantic.FtpUrl, ["ftp://example.org/"]),
    ("PostgresDsn", pydantic.PostgresDsn, ["postgres://example.org/db"]),
    ("CockroachDsn", pydantic.CockroachDsn, ["cockroachdb://example.org/db"]),
    ("AmqpDsn", pydantic.AmqpDsn, ["amqp://example.org/"]),
    ("RedisDsn", pydantic.RedisDsn, ["redis://example.org/"]),
    ("MongoDsn", pydantic.MongoDsn, ["mongodb://example.org/"]),
    ("KafkaDsn", pydantic.KafkaDsn, ["kafka://example.org/"]),
    ("NatsDsn", pydantic.NatsDsn, ["nats://example.org/"]),
    ("MySQLDsn", pydantic.MySQLDsn, ["mysql://example.org/"]),
    ("MariaDBDsn", pydantic.MariaDBDsn, ["mariadb://example.org/"]),
    ("ClickHouseDsn", pydantic.ClickHouseDsn, ["clickhouse://example.org/"]),
    ("SnowflakeDsn", pydantic.SnowflakeDsn, ["snowflake://a:b@c/"]),
    ("IPvAnyAddress", pydantic.IPvAnyAddress, ["10.0.0.1"]),
    ("IPvAnyInterface", pydantic.IPvAnyInterface, ["10.0.0.1/8"]),
    ("IPvAnyNetwork", pydantic.IPvAnyNetwork, ["10.0.0.0/8"]),
    ("IPv4Address", ipaddress.IPv4Address, ["10.0.0.1"]),
    ("IPv6Address", ipaddress.IPv6Address, ["::1"]),
    ("IPv4Interface", ipaddress.IPv4Interface, ["10.0.0.1/8"]),
    ("IPv6Interface", ipaddress.IPv6Interface, ["::1/64"]),
    ("IPv4Network", ipaddress.IPv4Network, ["10.0.0.0/8"]),
    ("IPv6Network", ipaddress.IPv6Network, ["::/64"]),
    ("Path", pathlib.Path, ["a/b"]),
    ("FilePath", pydantic.FilePath, ["a/b"]),
    ("DirectoryPath", pydantic.DirectoryPath, ["a/b"]),
    ("NewPath", pydantic.NewPath, ["a/b"]),
    ("SocketPath", pydantic.SocketPath, ["a/b"]),
    ("SecretStr", pydantic.SecretStr, ["a"]),
    ("SecretBytes", pydantic.SecretBytes, ["a"]),
    ("Secret", pydantic.Secret[int], [1]),
    ("Json", pydantic.Json, ["{}"]),
    ("Json of a type", pydantic.Json[list[int]], ["[1]", [1]]),
    ("JsonValue", pydantic.JsonValue, [1, "a", None]),
    ("ByteSize", pydantic.ByteSize, [1]),
    ("Base64Bytes", pydantic.Base64Bytes, ["YWJj"]),
    ("Base64Str", pydantic.Base64Str, ["YWJj"]),
    ("Base64UrlBytes", pydantic.Base64UrlBytes, ["YWJj"]),
    ("Base64UrlStr", pydantic.Base64UrlStr, ["YWJj"]),
    ("ImportString", pydantic.ImportString, ["math.pi"]),
    ("Pattern", re.Pattern, ["a+"]),
    ("Any", Any, [1]),
    ("object", object, [1]),
    ("Optional", Optional[int], [None, 1]),
    ("Union", Union[int, str], [1, "a"]),
    ("Literal", Literal["a", 1, None, True], ["a", None]),
    ("Literal of one", Literal["a"], ["a"]),
    ("Enum", Color, ["r"]),
    ("IntEnum", Level, [2]),
    ("list", list, [[1]]),
    ("list of a type", list[int], [[1]]),
    ("conlist", pydantic.conlist(int, min_length=1, max_length=2), [[1]]),
    ("tuple", tuple[int, str], [[1, "a"]]),
    ("tuple of any length", tuple[int, ...], [[1, 2]]),
    ("empty tuple", tuple[()], [[]]),
    ("set", set[int], [[1]]),
    ("conset", pydantic.conset(int, min_length=1), [[1]]),
    ("frozenset", frozenset[str], [["a"]]),
    ("deque", deque[int], [[1]]),
    ("Sequence", typing.Sequence[int], [[1]]),
    ("Iterable", typing.Iterable[int], [[1]]),
    ("dict", dict, [{"a": 1}]),
    ("dict of a type", dict[str, int], [{"a": 1}]),
    ("dict by int", dict[int, str], [{"1": "a"}]),
    ("dict by a pattern", dict[Annotated[str, Field(pattern="^k")], int], [{"k": 1}]),
    ("dict by an enum", dict[Color, int], [{"r": 1}]),
    ("dict with bounds", Annotated[dict[str, int], annotated_types.Len(1, 2)], [{"a": 1}]),
    ("Mapping", typing.Mapping[str, int], [{"a": 1}]),
    ("defaultdict", typing.DefaultDict[str, int], [{"a": 1}]),
    ("Counter", typing.Counter[str], [{"a": 1}]),
    ("NamedTuple", Point, [[1, 2]]),
    ("TypedDict", Movie, [{"title": "M"}]),
    ("closed TypedDict", ClosedMovie, [{"title": "M"}]),
    ("dataclass", Box, [{"width": 1}]),
    ("Callable default", Annotated[Optional[int], Field(default=3, title="T", description="d")], [3]),
    ("Address", Address, [{"street": "a", "number": None}]),
    ("Person", Person, [{"name": "Ada", "age": 36, "address": {"street": "a"}}]),
    ("Strict", Strict, [{"a": 1}]),
    ("Open", Open, [{"a": 1, "b": 2}]),
    ("Typed extra", Typed, [{"a": 1, "b": 2}]),
    ("Pet", Pet, [{"pet": {"kind": "cat", "lives": 9}}]),
    ("Tree", Tree, [{"value": 1, "children": [{"value": 2, "children": []}]}]),
    ("Names", Names, [["a"]]),
    ("Wrapper", Wrapper[int], [{"value": 1}]),
    ("Computed", Computed, [{"a": 1, "double": 2}]),
    ("Answer", Answer, [{"answer": True, "reasoning": "r"}]),
    ("WithJsonSchema", Annotated[int, pydantic.WithJsonSchema({"type": "integer", "examples": [1], "format": "int64"})], [1]),
    ("Examples", Annotated[str, Field(json_schema_extra={"x-order": 1, "markdownDescription": "*a*"})], ["a"]),
]


def schemas_of(kind: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for mode in ("validation", "serialization"):
        for union in ("any_of", "primitive_type_array"):
            try:
                schema = TypeAdapter(kind, config=None).json_schema(mode=mode, union_format=union)
            except pydantic.errors.PydanticInvalidForJsonSchema:
                continue
            if schema not in found:
                found.append(schema)
    return found


lines = []
for name, kind, valid in CASES:
    lines.append(json.dumps({"name": name, "schemas": schemas_of(kind), "valid": valid}, ensure_ascii=False))
OUT.write_text("[\n" + ",\n".join(lines) + "\n]\n")
print(f"pydantic {pydantic.VERSION}: {len(lines)} types")
