"""Settings that only payouts has."""

from pathlib import Path

from services.payouts.countries import CountryData, load_countries
from services.runtime.settings import Settings


class PayoutsSettings(Settings):
    """`TRANCHE_COUNTRIES_FILE`: a file of payout countries in place of the built-in one."""

    countries_file: Path = Path(__file__).with_name("countries.toml")

    def country_data(self) -> CountryData:
        """The countries of the file. Raises ValueError when it has none or contradicts itself."""
        return load_countries(self.countries_file)
