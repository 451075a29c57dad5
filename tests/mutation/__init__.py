"""Mutation testing of the modules that decide about money: `make mutate`; docs/mutation.md has the last result."""
