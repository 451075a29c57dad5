"""What can go wrong on a person's machine, said in one line with the way out."""


class LocalError(Exception):
    """Something that the person at the machine can put right; the message says how. Printed without a traceback."""
