from services.portal.service import main

main()
