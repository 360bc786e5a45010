"""JSON Schemas through the library: what fits, what does not and where, and what is never done."""

import pytest

from postroad.core.schemas.checker import Checker
from postroad.engine import schemas
from postroad.engine.schemas import JsonSchemas, checker

ORDER = """{
  "type": "object", "required": ["id", "items"], "unevaluatedProperties": false,
  "properties": {
    "id": {"type": "integer"},
    "items": {"type": "array", "prefixItems": [{"$ref": "#/$defs/item"}], "items": false}
  },
  "$defs": {"item": {"type": "object", "properties": {"n/a": {"minimum": 1}}}}
}"""


@pytest.fixture
def json_schemas() -> JsonSchemas:
    pytest.importorskip(schemas.LIBRARY)
    return JsonSchemas()


def test_what_fits_is_let_through(json_schemas: JsonSchemas) -> None:
    assert json_schemas.fault(ORDER) is None
    assert json_schemas.misfit(ORDER, b'{"id": 1, "items": [{"n/a": 1}]}') is None
    assert json_schemas.misfit("true", b"7") is None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"id": "1", "items": []}', 'at /id: "1" is not of type "integer"'),
        (b'{"items": []}', 'at /: "id" is a required property'),
        (b'{"id": 1, "items": [{"n/a": 0}]}', "at /items/0/n~1a: 0 is less than the minimum of 1"),
        (b'{"id": 1, "items": [], "x": 1}', "at /: Unevaluated properties are not allowed"),
        (b"{", "it is no JSON: "),
        (b"\xff", "it is no JSON: "),
        (b"[" * 100_000, "it is no JSON: "),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(
    json_schemas: JsonSchemas, body: bytes, told: str
) -> None:
    misfit = json_schemas.misfit(ORDER, body)
    assert misfit is not None
    assert misfit.startswith(told)


@pytest.mark.parametrize(
    "schema",
    [
        "{",
        "7",
        '{"type": "nonsense"}',
        '{"pattern": "("}',
        '{"$ref": "#/nowhere"}',
        '{"$ref": "http://127.0.0.1:9/schema.json"}',
        '{"$ref": "file:///etc/hostname"}',
        '{"$schema": "http://json-schema.org/draft-04/schema#"}',
        '{"$schema": 7}',
        "[" * 100_000,
    ],
)
def test_what_is_no_schema_is_told_so(json_schemas: JsonSchemas, schema: str) -> None:
    fault = json_schemas.fault(schema)
    assert fault is not None
    assert "\n" not in fault


def test_a_pattern_takes_no_longer_than_its_text(json_schemas: JsonSchemas) -> None:
    schema = '{"pattern": "^(a+)+$"}'
    assert json_schemas.misfit(schema, b'"' + b"a" * 50_000 + b'!"') is not None


def test_a_schema_that_names_itself_ends(json_schemas: JsonSchemas) -> None:
    assert json_schemas.misfit('{"$ref": "#"}', b"{}") is None


def test_without_the_library_there_is_one_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "LIBRARY", "no_such_library")
    found = checker()
    assert type(found) is Checker
    assert "postroad[schema]" in (found.fault("{}") or "")
