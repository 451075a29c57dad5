from services.stripe_gateway.service import main

main()
