from tests.platform.toy_service.service import main

main()
