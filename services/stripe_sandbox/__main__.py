"""`python -m services.stripe_sandbox`."""

from services.stripe_sandbox.service import main

if __name__ == "__main__":
    main()
