"""A definition that a board cannot obey, whichever part of it finds that out."""


class DefinitionError(ValueError):
    """A board.json that cannot be obeyed: `key` and why."""

    def __init__(self, key, reason):
        super().__init__("board.json: %s: %s" % (key, reason))
        self.key = key
        self.reason = reason
        self.words = "board " + key  # The last words of a board that ends by it.
