"""Whether what is owed is covered, asked all day: releases wait while it is not (scenarios 74 and 75, ADR 9)."""
