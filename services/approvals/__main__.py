from services.approvals.service import main

main()
