"""Which service answers which call."""

import pytest

from services.portal.routing import Allowed, Route, RoutingTable, routes_of

ROUTES = (
    Route("contracts", "GET", "/v1/milestones/{milestone_id}"),
    Route("contracts", "PATCH", "/v1/milestones/{milestone_id}"),
    Route("funding", "POST", "/v1/milestones/{milestone_id}/fund"),
    Route("funding", "GET", "/v1/milestones/{milestone_id}/funding"),
    Route("approvals", "POST", "/v1/milestones/{milestone_id}/approve"),
    Route("payouts", "GET", "/v1/payouts/{payout_id}"),
    Route("payouts", "GET", "/v1/payouts/summary"),
    Route("analytics", "POST", "/v1/{kind}/summary"),
)
TABLE = RoutingTable(ROUTES)


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("GET", "/v1/milestones/mls_1", "contracts"),
        ("POST", "/v1/milestones/mls_1/fund", "funding"),
        ("GET", "/v1/milestones/mls_1/funding", "funding"),
        ("POST", "/v1/milestones/mls_1/approve", "approvals"),
        ("GET", "/v1/milestones/a%2Fb", "contracts"),
        ("GET", "/v1/milestones/x.y-z_1", "contracts"),
    ],
)
def test_one_path_may_be_shared_by_services(method: str, path: str, service: str) -> None:
    route = TABLE.find(method, path)
    assert isinstance(route, Route)
    assert route.service == service


def test_a_literal_path_goes_before_one_with_a_parameter() -> None:
    assert TABLE.find("GET", "/v1/payouts/summary") == ROUTES[6]
    assert TABLE.find("GET", "/v1/payouts/pay_1") == ROUTES[5]


def test_a_method_is_looked_for_in_every_template_that_fits() -> None:
    assert TABLE.find("POST", "/v1/payouts/summary") == ROUTES[7]


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v1/", "/v1/milestones", "/v1/milestones/", "/v1/milestones/mls_1/", "/v1/milestones/mls_1/fund/x",
     "/V1/milestones/mls_1", "//v1/milestones/mls_1", "/v1/milestones//fund", "/metrics", "/health/ready", "/"],
)  # fmt: skip
def test_an_unknown_path_is_nobodys(path: str) -> None:
    assert TABLE.find("GET", path) is None


@pytest.mark.parametrize(
    "path", ["/v1/milestones/..", "/v1/milestones/.", "/v1/milestones/%2e%2e", "/v1/milestones/%2E.", "/v1/../metrics"]
)
def test_a_path_that_a_service_would_read_otherwise_is_nobodys(path: str) -> None:
    assert TABLE.find("GET", path) is None


def test_another_method_is_told_which_ones_there_are() -> None:
    assert TABLE.find("DELETE", "/v1/milestones/mls_1") == Allowed(("GET", "PATCH"))


def test_a_template_is_no_pattern() -> None:
    table = RoutingTable([Route("a", "GET", "/v1/a.b/{x}+")])
    assert table.find("GET", "/v1/a.b/1+") is not None
    assert table.find("GET", "/v1/aXb/1+") is None
    assert table.find("GET", "/v1/a.b/11") is None


def test_two_services_may_not_answer_the_same_call() -> None:
    with pytest.raises(ValueError, match="contracts and funding both answer GET /v1/x"):
        RoutingTable([Route("contracts", "GET", "/v1/x"), Route("funding", "GET", "/v1/x")])


def test_only_public_calls_are_taken_from_a_document() -> None:
    document = {
        "paths": {
            "/v1/contracts": {"get": {}, "post": {}, "parameters": []},
            "/health/ready": {"get": {}},
            "/internal": {"get": {}},
        }
    }
    assert routes_of("contracts", document) == (
        Route("contracts", "GET", "/v1/contracts"),
        Route("contracts", "POST", "/v1/contracts"),
    )


def test_a_document_without_paths_has_no_calls() -> None:
    assert routes_of("contracts", {}) == ()
