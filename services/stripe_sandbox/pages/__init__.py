"""The pages that Stripe hosts: saving a card, 3D Secure, onboarding. Plain forms, no script."""
