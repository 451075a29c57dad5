from services.payouts.service import main

main()
