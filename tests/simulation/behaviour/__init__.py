"""What the runtime and the gateway rely on: suites, inherited once with the real thing and once with its stand-in."""
