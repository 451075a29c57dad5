"""Settings that only funding has."""

from pathlib import Path

from services.funding.fees import FeeRule, load_rules
from services.runtime.settings import Settings


class FundingSettings(Settings):
    """`TRANCHE_FEES_FILE`: a file of dated fee rules in place of the built-in ones."""

    fees_file: Path = Path(__file__).with_name("fees.toml")

    def fee_rules(self) -> tuple[FeeRule, ...]:
        """The rules of the file. Raises ValueError when it has none."""
        return load_rules(self.fees_file)
