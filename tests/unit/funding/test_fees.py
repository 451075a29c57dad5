"""What is charged on top of a milestone."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from services.funding.fees import FeeRule, fees_for, fees_returned_minor, load_rules
from tests.unit.funding.builders import NOW, RULES


def test_a_first_milestone_of_300_usd_is_charged_339_95() -> None:
    fees = fees_for(RULES, NOW, 30_000, "usd", first=True)
    assert (fees.marketplace_minor, fees.initiation_minor) == (3_000, 995)
    assert 30_000 + fees.total_minor == 33_995


def test_a_later_milestone_pays_no_initiation_fee() -> None:
    assert fees_for(RULES, NOW, 30_000, "usd", first=False).total_minor == 3_000


@pytest.mark.parametrize(("amount_minor", "fee_minor"), [(1_004, 100), (1_005, 101), (1_006, 101), (1_015, 102)])
def test_the_fee_is_rounded_half_up(amount_minor: int, fee_minor: int) -> None:
    assert fees_for(RULES, NOW, amount_minor, "usd", first=False).marketplace_minor == fee_minor


@pytest.mark.parametrize(("amount_minor", "fee_minor"), [(10_040, 1_000), (10_050, 1_010), (12_340, 1_230)])
def test_a_three_decimal_currency_is_rounded_to_ten(amount_minor: int, fee_minor: int) -> None:
    assert fees_for(RULES, NOW, amount_minor, "kwd", first=False).marketplace_minor == fee_minor


@pytest.mark.parametrize("currency", ["eur", "jpy", "kwd"])
def test_a_currency_that_is_not_named_pays_no_initiation_fee(currency: str) -> None:
    assert fees_for(RULES, NOW, 10_000, currency, first=True).initiation_minor == 0


@pytest.fixture(params=["UTC", "Etc/GMT-14", "Etc/GMT+12"])
def _of_any_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's time is that of UTC, or of where a day begins first or last."""
    with monkeypatch.context() as machine:
        machine.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_of_any_zone")
@pytest.mark.parametrize(
    ("now", "rule"),
    [
        (datetime(2026, 6, 30, 23, 59, tzinfo=UTC), "old"),
        (datetime(2026, 7, 1, tzinfo=UTC), "new"),
        (datetime.fromisoformat("2026-07-01T01:00:00+02:00"), "old"),
    ],
)
def test_a_rule_holds_from_its_day_in_utc(now: datetime, rule: str) -> None:
    rules = [FeeRule("old", date(2026, 1, 1), 1_000, {}), FeeRule("new", date(2026, 7, 1), 1_200, {})]
    assert fees_for(rules, now, 10_000, "usd", first=True).rule == rule


def test_before_the_first_rule_nothing_can_be_charged() -> None:
    with pytest.raises(ValueError, match="no fee rule holds on 2025-12-31"):
        fees_for(RULES, datetime(2025, 12, 31, tzinfo=UTC), 10_000, "usd", first=True)


# -- what goes back ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "step", "refunded_minor", "fee_minor"),
    [("usd", 1, 4, 0), ("usd", 1, 5, 1), ("usd", 1, 14, 1), ("usd", 1, 15, 2), ("kwd", 10, 4, 0), ("kwd", 10, 5, 1)],
)
def test_what_goes_back_is_rounded_half_up_as_fees_are(
    currency: str, step: int, refunded_minor: int, fee_minor: int
) -> None:
    charged = (1_000 * step, 100 * step, 0)
    found = fees_returned_minor(RULES, RULES[0].id, charged, refunded_minor * step, currency)
    assert found == fee_minor * step


@pytest.mark.parametrize(("rule", "fee_minor"), [("kind", 100), ("harsh", 0), ("half", 50), ("forgotten", 50)])
def test_what_goes_back_is_by_the_rule_of_the_charge_and_where_that_is_gone_by_the_newest(
    rule: str, fee_minor: int
) -> None:
    rules = [
        FeeRule(name, date(2026, month, 1), 1_000, {}, basis_points)
        for month, (name, basis_points) in enumerate({"kind": 10_000, "harsh": 0, "half": 5_000}.items(), start=1)
    ]
    assert fees_returned_minor(rules, rule, (1_000, 100, 0), 1_000, "usd") == fee_minor


# -- the data ------------------------------------------------------------------------------------------------


def test_rules_are_read_oldest_first_whatever_their_order(tmp_path: Path) -> None:
    file = tmp_path / "fees.toml"
    file.write_text(
        '[[rule]]\nid = "new"\nfrom = 2026-07-01\nmarketplace_basis_points = 1200\n'
        '[[rule]]\nid = "old"\nfrom = 2026-01-01\nmarketplace_basis_points = 1000\n'
    )
    assert [rule.id for rule in load_rules(file)] == ["old", "new"]


def test_a_file_without_rules_says_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "fees.toml"
    file.write_text("")
    with pytest.raises(ValueError, match="give at least one"):
        load_rules(file)
