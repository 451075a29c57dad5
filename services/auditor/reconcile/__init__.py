"""Our ledger against Stripe's balance transactions against the facts on the topics: `tranche reconcile`."""
