"""What bad input gets, at the front door of the whole platform: a clear problem, and nothing is lost."""

import uuid
from collections.abc import Callable

import httpx
import pytest
from confluent_kafka import Producer

from deploy.local.parties import Party, eventually
from deploy.local.story import CURRENCY, FIRST_MINOR, Place, Story
from deploy.local.tail import Record, follow
from tests.platform.running import RunningPlatform


@pytest.fixture
def hired(story: Story, tell: Callable[[str], None]) -> Story:
    """A story whose first milestone is funded."""
    tell("hire")
    return story


@pytest.fixture
def stranger(place: Place) -> Party:
    """Another employer."""
    party = f"emp_{uuid.uuid4().hex[:8]}"
    return Party(place.front_door, "employer", party, place.token("employer", party))


def test_unknown_ids_are_404(hired: Story) -> None:
    assert hired.employer.get("/milestones/mls_nobody", 404)["code"] == "not_found"
    assert hired.employer.get("/contracts/ctr_nobody", 404)["code"] == "not_found"
    assert hired.employer.post("/milestones/mls_nobody/fund", expect=404)["code"] == "not_found"
    assert hired.employer.get("/nothing/here", 404)["code"] == "not_found"


@pytest.mark.scenario(10)
def test_another_partys_things_are_404(hired: Story, stranger: Party) -> None:
    for path in (f"/contracts/{hired.contract_id}", f"/milestones/{hired.first}", f"/milestones/{hired.first}/funding"):
        assert stranger.get(path, 404)["code"] == "not_found"
    for path in (f"/milestones/{hired.first}/fund", f"/milestones/{hired.first}/approve"):
        assert stranger.post(path, expect=404)["code"] == "not_found"


def test_the_wrong_role_is_403(hired: Story) -> None:
    assert hired.trainer.post(f"/milestones/{hired.first}/fund", expect=403)["code"] == "forbidden"
    assert hired.trainer.post(f"/milestones/{hired.first}/approve", expect=403)["code"] == "forbidden"
    assert hired.employer.post(f"/milestones/{hired.first}/request-release", expect=403)["code"] == "forbidden"
    assert hired.employer.post("/payout-account/setup-sessions", {"country": "US"}, 403)["code"] == "forbidden"


def test_without_a_token_401_says_how_to_get_one(place: Place) -> None:
    answer = httpx.get(f"{place.front_door}/v1/contracts", trust_env=False)
    assert answer.status_code == 401
    assert "tranche token" in answer.json()["detail"]


@pytest.mark.parametrize(
    "amount",
    [
        {"amount_minor": -1, "currency": CURRENCY},
        {"amount_minor": 0, "currency": CURRENCY},
        {"amount_minor": 12.5, "currency": CURRENCY},
        {"amount_minor": "100", "currency": CURRENCY},
        {"amount_minor": 100_000_000, "currency": CURRENCY},
        {"amount_minor": 49, "currency": CURRENCY},
        {"amount_minor": FIRST_MINOR, "currency": "xyz"},
        {"amount_minor": FIRST_MINOR, "currency": "eur"},
    ],
    ids=["negative", "zero", "float", "text", "too large", "below the minimum", "no such currency", "another currency"],
)
@pytest.mark.scenario(10, 43)
def test_bad_amounts_are_422_naming_the_field(hired: Story, amount: dict[str, object]) -> None:
    body = {"name": "Bad", "description": "Bad", "amount": amount}
    problem = hired.employer.post(f"/contracts/{hired.contract_id}/milestones", body, 422)
    assert "amount" in problem["detail"] or "currency" in problem["detail"]


def test_the_wrong_state_is_409_with_the_reason(hired: Story) -> None:
    again = hired.employer.post(f"/milestones/{hired.first}/request-changes", {"reason": "too early"}, 409)
    assert again["detail"]
    milestone = hired.employer.post(
        f"/contracts/{hired.contract_id}/milestones",
        {"description": "Later", "amount": {"amount_minor": 5_000, "currency": CURRENCY}},
        201,
    )
    unfunded = milestone["milestone_id"]
    assert hired.trainer.post(f"/milestones/{unfunded}/request-release", expect=409)["detail"]
    assert hired.employer.post(f"/milestones/{unfunded}/approve", expect=409)["detail"]


def test_funding_without_a_card_names_the_page_to_add_one(stranger: Party) -> None:
    contract = stranger.post("/contracts", _hire(stranger.id, fund=False), 201)
    milestone_id = contract["milestones"][0]["milestone_id"]
    problem = stranger.post(f"/milestones/{milestone_id}/fund", expect=409)
    assert problem["code"] == "payment_method_required"
    assert problem["setup_url"].startswith("http")
    assert stranger.post("/contracts", _hire(stranger.id, fund=True), 409)["code"] == "payment_method_required"


def test_the_same_idempotency_key(stranger: Party, place: Place) -> None:
    headers = {"Authorization": f"Bearer {place.token('employer', stranger.id)}", "Idempotency-Key": uuid.uuid4().hex}
    body = _hire(stranger.id, fund=False)
    with httpx.Client(base_url=place.front_door, headers=headers, trust_env=False, timeout=15) as http:
        first = http.post("/v1/contracts", json=body)
        second = http.post("/v1/contracts", json=body)
        other = http.post("/v1/contracts", json={**body, "title": "Another title"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(stranger.get("/contracts")["data"]) == 1


@pytest.mark.scenario(11)
def test_garbage_on_a_command_topic_is_a_dead_letter_and_the_partition_goes_on(
    hired: Story, running_platform: RunningPlatform
) -> None:
    garbage = f"not json {uuid.uuid4().hex}".encode()
    producer = Producer({"bootstrap.servers": running_platform.kafka_bootstrap})
    headers = [
        ("ce_specversion", b"1.0"), ("ce_id", uuid.uuid4().hex.encode()), ("ce_source", b"test"),
        ("ce_type", b"approvals.request_release.v1"), ("ce_time", b"2026-11-24T00:00:00Z"),
    ]  # fmt: skip
    producer.produce("approvals.commands", key=hired.contract_id, value=garbage, headers=headers)
    producer.produce("approvals.commands", key=hired.contract_id, value=b"{}")
    producer.flush(10)

    def letters() -> list[Record] | None:
        found = [
            record
            for record in follow(running_platform.kafka_bootstrap, ["approvals.dlq"], from_start=True, once=True)
            if record.key == hired.contract_id
        ]
        return found if len(found) == 2 else None

    reasons = [letter.body["reason"] for letter in eventually(letters, "two dead letters")]
    assert any("request_release" in reason for reason in reasons)
    assert any("ce_" in reason for reason in reasons)
    hired.trainer.post(f"/milestones/{hired.first}/request-release")
    hired.await_milestone(hired.first, status="PENDING_APPROVAL")


def _hire(employer_id: str, *, fund: bool) -> dict[str, object]:
    return {
        "job_id": "job_1",
        "employer_id": employer_id,
        "trainer_id": f"trn_{uuid.uuid4().hex[:8]}",
        "title": "A job",
        "currency": CURRENCY,
        "milestone": {"description": "Some work", "amount": {"amount_minor": FIRST_MINOR, "currency": CURRENCY}},
        "fund": fund,
    }
