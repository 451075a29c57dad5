"""What every message shares: its names, what it refuses and what it ignores."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.approvals import ApproveMilestone, ReleaseRequested, RequestRelease
from schemas.base import Command, Event, Identifier, Link, Moment, Name, Reason
from schemas.catalogue import MESSAGES
from schemas.contracts import ContractArchived, CreateContract
from schemas.fixtures import example
from schemas.funding import FundMilestone, MilestoneFunded, PaymentMethodAdded


@pytest.fixture
def catalogue() -> Iterator[None]:
    """Messages declared in a test do not stay."""
    before = dict(MESSAGES)
    yield
    MESSAGES.clear()
    MESSAGES.update(before)


def body(type_name: str, **changes: Any) -> dict[str, Any]:
    return {**example(type_name).body, **changes}


def test_a_type_name_follows_from_topic_and_class() -> None:
    assert FundMilestone.type_name == "funding.fund_milestone.v1"
    assert MilestoneFunded.type_name == "funding.milestone_funded.v1"


@pytest.mark.usefixtures("catalogue")
def test_a_second_version_stands_beside_the_first() -> None:
    class ContractArchived(Event, topic="contracts.events", version=2):
        contract_id: Identifier
        archived_by: Identifier

    assert ContractArchived.type_name == "contracts.contract_archived.v2"
    assert MESSAGES["contracts.contract_archived.v1"] is not MESSAGES["contracts.contract_archived.v2"]


@pytest.mark.usefixtures("catalogue")
def test_two_classes_cannot_share_a_type_name() -> None:
    with pytest.raises(TypeError, match=r"two classes are called contracts\.contract_archived\.v1"):

        class ContractArchived(Event, topic="contracts.events"):
            contract_id: Identifier


@pytest.mark.usefixtures("catalogue")
def test_a_local_command_is_in_no_catalogue() -> None:
    class Tick(Command, topic="contracts.commands", local=True):
        contract_id: Identifier

    assert Tick.type_name not in MESSAGES


def test_key_and_subject_are_the_fields_that_the_class_names() -> None:
    funded = example("funding.milestone_funded.v1")
    added = example("funding.payment_method_added.v1")

    assert (funded.message.key, funded.message.subject) == (funded.body["contract_id"], funded.body["milestone_id"])
    assert (added.message.key, added.message.subject) == ("emp_acme", added.body["payment_method_id"])


def test_without_a_subject_of_its_own_a_message_is_about_its_key() -> None:
    assert ContractArchived(contract_id="ctr_1").subject == "ctr_1"


def test_a_message_cannot_be_edited() -> None:
    archived = ContractArchived(contract_id="ctr_1")

    with pytest.raises(ValidationError, match="frozen"):
        archived.contract_id = "ctr_2"  # type: ignore[misc]


def test_a_command_refuses_an_unknown_field() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        ApproveMilestone.model_validate(body("approvals.approve_milestone.v1", amout_minor=1))


def test_a_command_refuses_an_unknown_field_of_its_actor() -> None:
    actor = {"role": "employer", "party_id": "emp_acme", "admin": True}

    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        FundMilestone.model_validate(body("funding.fund_milestone.v1", actor=actor))


def test_an_event_ignores_an_unknown_field() -> None:
    """A newer producer may say more."""
    added = PaymentMethodAdded.model_validate(body("funding.payment_method_added.v1", wallet="apple_pay"))

    assert not hasattr(added, "wallet")


@pytest.mark.parametrize("role", ["admin", "EMPLOYER", "", None])
def test_an_actor_has_one_of_the_known_roles(role: object) -> None:
    with pytest.raises(ValidationError, match=r"actor\.role"):
        FundMilestone.model_validate(body("funding.fund_milestone.v1", actor={"role": role, "party_id": "emp_acme"}))


@pytest.mark.parametrize("value", ["ctr_01JX", "a", "x" * 64, "pm-1_b"])
def test_an_identifier(value: str) -> None:
    assert TypeAdapter(Identifier).validate_python(value) == value


@pytest.mark.parametrize("value", ["", "x" * 65, "a b", "a/b", "é", "a\n", "../a", "a.b", 7])
def test_no_identifier(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Identifier).validate_python(value)


@pytest.mark.parametrize(("bounded", "most"), [(Name, 200), (Reason, 2_000)])
def test_a_text_has_its_bounds(bounded: Any, most: int) -> None:
    adapter = TypeAdapter(bounded)

    assert adapter.validate_python("x" * most) == "x" * most
    for wrong in ("", "   ", "x" * (most + 1)):
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


def test_a_text_is_stored_without_the_blanks_around_it() -> None:
    assert TypeAdapter(Name).validate_python("  Outline \n") == "Outline"


@pytest.mark.parametrize("value", ["javascript:alert(1)", "ftp://example.com", "https://a b", "https://"])
def test_no_link(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Link).validate_python(value)


def test_at_most_ten_links() -> None:
    links = ["https://example.com/1"] * 10

    assert len(RequestRelease.model_validate(body("approvals.request_release.v1", links=links)).links) == 10
    with pytest.raises(ValidationError, match="links"):
        RequestRelease.model_validate(body("approvals.request_release.v1", links=[*links, links[0]]))


def test_a_moment_says_its_offset() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        TypeAdapter(Moment).validate_json('"2026-03-27T11:42:00"')
    with pytest.raises(ValidationError, match="review_due_at"):
        ReleaseRequested.model_validate(body("approvals.release_requested.v1", review_due_at="2026-03-27T11:42:00"))


@pytest.mark.parametrize("fund", ["false", "yes", 1, None])
def test_money_moves_at_the_hire_only_by_a_plain_true(fund: object) -> None:
    with pytest.raises(ValidationError, match="fund"):
        CreateContract.model_validate(body("contracts.create_contract.v1", fund=fund))


@pytest.mark.parametrize("amount_minor", [0, -1, 1200.0, "120000", 100_000_000])
def test_an_amount_in_a_message_is_a_whole_number_within_bounds(amount_minor: object) -> None:
    with pytest.raises(ValidationError, match="amount_minor"):
        CreateContract.model_validate(body("contracts.create_contract.v1", amount_minor=amount_minor))
