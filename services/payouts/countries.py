"""Where trainers can be paid. Countries are data (`countries.toml`) with their source and its date."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Country:
    """A country whose trainers can be paid."""

    code: str
    """ISO 3166-1, two letters."""
    name: str
    currency: str
    """What Stripe pays out in there, in lower case; money in another currency is converted by Stripe."""
    restrictions: Mapping[str, str]
    """What a trainer there should know, by its code."""


@dataclass(frozen=True, slots=True)
class CountryData:
    """All of them, and where that is from."""

    source: str
    as_of: date
    platform_country: str
    minimum: str
    countries: Mapping[str, Country]
    """By code."""


def load_countries(path: Path) -> CountryData:
    """The countries in a file, by name. Raises ValueError naming what is wrong with it."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    texts: dict[str, str] = data.get("restrictions", {})
    countries: dict[str, Country] = {}
    for row in data.get("country", []):
        code = row["code"]
        if code in countries:
            raise ValueError(f"{path.name} has {code} twice")
        unknown = [name for name in row.get("restrictions", []) if name not in texts]
        if unknown:
            raise ValueError(f"{path.name}: {code} names {', '.join(unknown)}, which [restrictions] does not explain")
        found = {name: texts[name] for name in row.get("restrictions", [])}
        countries[code] = Country(code, row["name"], row["currency"], found)
    if not countries:
        raise ValueError(f"{path.name} has no [[country]]: nobody could be paid")
    by_name = dict(sorted(countries.items(), key=lambda item: item[1].name))
    return CountryData(data["source"], data["as_of"], data["platform_country"], data["minimum"], by_name)
