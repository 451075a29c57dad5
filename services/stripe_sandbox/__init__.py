"""A stateful simulator of Stripe for development, tests and demonstrations. Never part of production."""
