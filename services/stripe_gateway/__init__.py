"""Every call to Stripe and its outcome, and everything that Stripe tells us."""
