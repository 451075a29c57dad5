"""The published language of Tranche: money, envelope, commands, events and the topic catalogue.

Depends on pydantic alone. A service imports this package and `services.runtime`, never another service.
"""
