"""Where trainers can be paid is data; a file that cannot be right is refused."""

from datetime import date
from pathlib import Path

import pytest

from schemas.money import CURRENCIES
from services.payouts.countries import Country, load_countries
from services.payouts.settings import PayoutsSettings

DATA = PayoutsSettings().country_data()
EEA = [
    "AT",
    "BE",
    "BG",
    "HR",
    "CY",
    "CZ",
    "DK",
    "EE",
    "FI",
    "FR",
    "DE",
    "GR",
    "HU",
    "IS",
    "IE",
    "IT",
    "LV",
    "LI",
    "LT",
    "LU",
    "MT",
    "NL",
    "NO",
    "PL",
    "PT",
    "RO",
    "SK",
    "SI",
    "ES",
    "SE",
]

HEAD = 'source = "s"\nas_of = 2026-01-01\nplatform_country = "US"\nminimum = "m"\n'
FRANCE = '[[country]]\ncode = "FR"\nname = "France"\ncurrency = "eur"\n'


def test_it_is_the_region_that_a_platform_in_the_us_may_pay_by_itself() -> None:
    assert set(DATA.countries) == {*EEA, "US", "GB", "CA", "CH"}


def test_every_currency_is_one_we_know() -> None:
    assert {country.currency for country in DATA.countries.values()} <= set(CURRENCIES)


def test_it_says_where_it_is_from_and_of_what_day() -> None:
    assert DATA.source.startswith("https://docs.stripe.com/")
    assert DATA.as_of.year >= 2026


def test_the_platforms_own_country_has_no_restriction_and_every_other_has() -> None:
    assert {code for code, country in DATA.countries.items() if not country.restrictions} == {DATA.platform_country}


def test_they_are_listed_by_name() -> None:
    names = [country.name for country in DATA.countries.values()]
    assert names == sorted(names)


def test_a_file_is_read_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "countries.toml"
    andorra = '[[country]]\ncode = "AD"\nname = "Zenith"\ncurrency = "eur"\nrestrictions = ["slow"]\n'
    path.write_text(f'{HEAD}[restrictions]\nslow = "It takes longer"\n{andorra}{FRANCE}')
    data = load_countries(path)
    assert (data.source, data.as_of, data.platform_country, data.minimum) == ("s", date(2026, 1, 1), "US", "m")
    assert list(data.countries.items()) == [
        ("FR", Country("FR", "France", "eur", {})),
        ("AD", Country("AD", "Zenith", "eur", {"slow": "It takes longer"})),
    ]


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("", "no \\[\\[country\\]\\]"),
        (FRANCE + FRANCE, "FR twice"),
        (FRANCE + 'restrictions = ["odd", "slow"]\n', "odd, slow,"),
    ],
    ids=["empty", "twice", "unexplained"],
)
def test_a_file_that_cannot_be_right_is_refused(tmp_path: Path, rest: str, why: str) -> None:
    path = tmp_path / "countries.toml"
    path.write_text(HEAD + rest)
    with pytest.raises(ValueError, match=why):
        load_countries(path)
