"""/v1/country_specs: which countries a platform of a country may pay."""

from typing import Any

from stripe.params._country_spec_list_params import CountrySpecListParams
from stripe.params._country_spec_retrieve_params import CountrySpecRetrieveParams

from services.stripe_sandbox.countries import COUNTRIES, Country, find_country, may_transfer
from services.stripe_sandbox.currencies import MINIMUM_MINOR, OTHER_CURRENCIES
from services.stripe_sandbox.errors import no_such
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
FIELDS = {"additional": [], "minimum": ["external_account", "tos_acceptance.date", "tos_acceptance.ip"]}


def _spec(country: Country) -> Json:
    return {
        "id": country.code,
        "object": "country_spec",
        "default_currency": country.currency,
        "supported_bank_account_currencies": {country.currency: [country.code]},
        "supported_payment_currencies": sorted({*MINIMUM_MINOR, *OTHER_CURRENCIES}),
        "supported_payment_methods": ["card", "stripe"],
        "supported_transfer_countries": sorted(code for code in COUNTRIES if may_transfer(country.code, code)),
        "verification_fields": {"company": FIELDS, "individual": FIELDS},
    }


@operation("GET", "/v1/country_specs/{country}", CountrySpecRetrieveParams)
def retrieve(ctx: Context, params: Json, country: str) -> Json:
    """One country."""
    del ctx, params
    found = find_country(country)
    if found is None:
        raise no_such("country", country)
    return _spec(found)


@operation("GET", "/v1/country_specs", CountrySpecListParams)
def listed(ctx: Context, params: Json) -> Json:
    """All countries by code, in pages."""
    del ctx
    codes = sorted(COUNTRIES)
    start = codes.index(params["starting_after"]) + 1 if params.get("starting_after") in COUNTRIES else 0
    limit = params.get("limit", 10)
    shown = codes[start : start + limit]
    return {
        "object": "list",
        "data": [_spec(COUNTRIES[code]) for code in shown],
        "has_more": start + limit < len(codes),
        "url": "/v1/country_specs",
    }
