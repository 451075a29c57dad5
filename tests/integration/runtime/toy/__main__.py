import sys

from tests.integration.runtime.toy.service import borrow_messages, service

borrow_messages(sys.argv[1])
service(sys.argv[1]).run()
