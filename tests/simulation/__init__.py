"""The seeded simulation: all services in one process, in virtual time, against stand-ins that do the worst they may."""
