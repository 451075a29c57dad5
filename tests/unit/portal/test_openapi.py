"""The services' documents joined into one: of toys for the rules, of the real services for the whole."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from services.approvals.service import SERVICE as APPROVALS
from services.contracts.service import SERVICE as CONTRACTS
from services.funding.service import SERVICE as FUNDING
from services.payouts.service import SERVICE as PAYOUTS
from services.portal.openapi import join

REF = "#/components/schemas/"


def a_document(path: str = "/v1/x", method: str = "get", **schemas: Any) -> dict[str, Any]:
    """A document of one call that answers with the first of its schemas."""
    name = next(iter(schemas), "X")
    answer = {"content": {"application/json": {"schema": {"$ref": REF + name}}}, "description": "ok"}
    bad = {"content": {"application/json": {"schema": {"$ref": f"{REF}HTTPValidationError"}}}, "description": "bad"}
    operation = {"operationId": f"x_v1_x_{method}", "responses": {"200": answer, "422": bad}}
    return {
        "paths": {path: {method: operation}, "/health/ready": {"get": {}}},
        "components": {"schemas": {**schemas, "HTTPValidationError": {"type": "object"}, "ValidationError": {}}},
    }


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def answer_of(joined: dict[str, Any], path: str, method: str = "get") -> str:
    operation = joined["paths"][path][method]
    reference: str = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    return reference.removeprefix(REF)


SUM = an_object(amount_minor={"type": "integer"})


def test_calls_are_marked_by_their_service() -> None:
    joined = join({"contracts": a_document("/v1/a"), "funding": a_document("/v1/b")})
    assert [joined["paths"][path]["get"]["tags"] for path in ("/v1/a", "/v1/b")] == [["contracts"], ["funding"]]
    assert [tag["name"] for tag in joined["tags"]] == ["contracts", "funding"]


def test_two_services_may_share_a_path() -> None:
    joined = join({"contracts": a_document("/v1/a", "get"), "funding": a_document("/v1/a", "post")})
    assert list(joined["paths"]["/v1/a"]) == ["get", "post"]


def test_what_is_not_public_is_left_out() -> None:
    assert list(join({"contracts": a_document()})["paths"]) == ["/v1/x"]


def test_a_schema_that_means_the_same_is_kept_once() -> None:
    joined = join({"contracts": a_document("/v1/a", Sum=SUM), "funding": a_document("/v1/b", Sum=SUM)})
    assert answer_of(joined, "/v1/a") == answer_of(joined, "/v1/b") == "Sum"


def test_a_schema_that_means_something_else_gets_its_services_name() -> None:
    other = an_object(total={"type": "string"})
    joined = join({"contracts": a_document("/v1/a", Sum=SUM), "stripe_gateway": a_document("/v1/b", Sum=other)})
    assert (answer_of(joined, "/v1/a"), answer_of(joined, "/v1/b")) == ("Sum", "StripeGatewaySum")
    assert joined["components"]["schemas"]["StripeGatewaySum"] == other


def test_what_refers_to_another_schema_of_the_same_name_means_something_else_too() -> None:
    view = an_object(total={"$ref": f"{REF}Sum"})
    other = an_object(total={"type": "string"})
    joined = join(
        {"contracts": a_document("/v1/a", View=view, Sum=SUM), "funding": a_document("/v1/b", View=view, Sum=other)}
    )
    assert answer_of(joined, "/v1/b") == "FundingView"
    inner = joined["components"]["schemas"]["FundingView"]["properties"]["total"]["$ref"]
    assert inner == f"{REF}FundingSum"


def test_a_schema_that_contains_itself_is_joined() -> None:
    tree = an_object(children={"type": "array", "items": {"$ref": f"{REF}Tree"}})
    joined = join({"contracts": a_document("/v1/a", Tree=tree), "funding": a_document("/v1/b", Tree=tree)})
    assert answer_of(joined, "/v1/b") == "Tree"


def test_errors_are_problems() -> None:
    joined = join({"contracts": a_document()})
    responses = joined["paths"]["/v1/x"]["get"]["responses"]
    assert responses["4XX"] == {"$ref": "#/components/responses/Problem"}
    assert "422" not in responses
    assert "HTTPValidationError" not in json.dumps(joined)


def test_a_post_takes_an_idempotency_key_and_a_get_does_not() -> None:
    joined = join({"contracts": a_document("/v1/a", "get"), "funding": a_document("/v1/a", "post")})
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    assert joined["paths"]["/v1/a"]["post"]["parameters"] == [key]
    assert "parameters" not in joined["paths"]["/v1/a"]["get"]


def test_every_call_wants_a_token_but_those_that_say_otherwise() -> None:
    free = a_document("/v1/free")
    free["paths"]["/v1/free"]["get"]["security"] = []
    joined = join({"contracts": a_document("/v1/a"), "payouts": free})
    assert joined["security"] == [{"bearer": []}]
    assert "security" not in joined["paths"]["/v1/a"]["get"]
    assert joined["paths"]["/v1/free"]["get"]["security"] == []


def test_the_documents_given_are_left_as_they_were() -> None:
    document = a_document("/v1/a", "post", Sum=SUM)
    before = json.dumps(document)
    join({"contracts": document})
    assert json.dumps(document) == before


# -- the real ones -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def joined() -> dict[str, Any]:
    documents = {}
    for service in (CONTRACTS, FUNDING, APPROVALS, PAYOUTS):
        app = FastAPI()
        for router in service.routes:
            app.include_router(router)
        documents[service.name] = app.openapi()
    return join(documents)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(target := value.get("$ref"), str):
            yield target
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_reference_leads_somewhere(joined: dict[str, Any]) -> None:
    for reference in references(joined):
        found: Any = joined
        for part in reference.removeprefix("#/").split("/"):
            assert part in found, reference
            found = found[part]


def test_every_call_has_a_name_of_its_own(joined: dict[str, Any]) -> None:
    names = [call["operationId"] for item in joined["paths"].values() for call in item.values()]
    assert len(names) == len(set(names)) > 15


def test_every_call_says_what_it_does(joined: dict[str, Any]) -> None:
    silent = [path for path, item in joined["paths"].items() for call in item.values() if not call.get("description")]
    assert silent == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/v1/contracts"),
        ("post", "/v1/milestones/{milestone_id}/fund"),
        ("post", "/v1/milestones/{milestone_id}/approve"),
        ("post", "/v1/payout-account/setup-sessions"),
        ("get", "/v1/payouts/{payout_id}"),
    ],
)
def test_the_calls_of_the_story_are_there(joined: dict[str, Any], method: str, path: str) -> None:
    assert method in joined["paths"][path]


def test_only_the_countries_are_for_anybody(joined: dict[str, Any]) -> None:
    free = [path for path, item in joined["paths"].items() for call in item.values() if call.get("security") == []]
    assert free == ["/v1/payout-countries"]
