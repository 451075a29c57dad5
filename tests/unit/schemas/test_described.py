"""What stands below a field is its description in JSON Schema."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.described import Described


class Weight(BaseModel):
    """How heavy it is."""

    grams: int


class Parcel(Described):
    """What is sent."""

    weight: Weight
    """Of the parcel with its box."""
    to: str = Field(description="Whom it is for.")
    """Never shown: the field says it itself."""
    note: str = ""
    way: str
    """By land,
    or by sea.
    """


class AirParcel(Parcel):
    gate: str
    """Where it leaves."""
    way: str = "air"


class _Plain(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    weight: Weight
    """Of the parcel with its box."""
    way: str
    """By land,
    or by sea.
    """


def _descriptions(model: type[BaseModel]) -> dict[str, str | None]:
    return {name: field.get("description") for name, field in model.model_json_schema()["properties"].items()}


def test_a_field_is_described_by_what_stands_below_it_unless_it_says_so_itself() -> None:
    assert _descriptions(Parcel) == {
        "weight": "Of the parcel with its box.",
        "to": "Whom it is for.",
        "note": None,
        "way": "By land,\nor by sea.",
    }


def test_what_is_inherited_keeps_its_description_and_what_is_declared_anew_has_its_own() -> None:
    assert _descriptions(AirParcel) == {
        "weight": "Of the parcel with its box.",
        "to": "Whom it is for.",
        "note": None,
        "way": None,
        "gate": "Where it leaves.",
    }


def test_it_says_what_pydantic_would_say_and_leaves_the_parts_alone() -> None:
    ours, theirs = Parcel.model_json_schema(), _Plain.model_json_schema()
    assert ours["$defs"] == theirs["$defs"]
    assert {name: ours["properties"][name] for name in theirs["properties"]} == theirs["properties"]
    assert ours["description"] == "What is sent."
