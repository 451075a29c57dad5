from services.contracts.service import main

main()
