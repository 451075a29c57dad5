"""What else one could write: the same work by well-known means, each by its best figures."""
