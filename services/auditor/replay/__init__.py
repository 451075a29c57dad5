"""A service built anew from the topics, beside the live one, and compared with it: `tranche replay`."""
