from services.funding.service import main

main()
