"""A document's value for readers in this process, who keep what they were given."""

from gateway.core.document import Document
from gateway.core.sharing import SharedValue
from gateway.core.values import JsonValue

__all__ = ["Follower"]


class Follower:
    """An extraction's value as it was at a revision, which never changes itself.

    Attributes:
        rev: the revision it has reached.
    """

    def __init__(self, document: Document) -> None:
        """Begin at the document's revision."""
        self.rev = document.rev
        self._document = document
        self._shared = SharedValue(document.value_copy())

    @property
    def value(self) -> JsonValue:
        """The value at `rev`; what did not change is shared with the one before."""
        return self._shared.value

    def catch_up(self, document: Document) -> bool:
        """Go on to a document's revision, that of another attempt too, and tell whether there was any way to go."""
        if document is not self._document:
            self._document = document
            self._shared = SharedValue(document.value_copy())
        elif document.rev == self.rev:
            return False
        elif document.can_fold_from(self.rev):
            folded = document.operations_since(self.rev)
            self._shared.apply((operation.kind, operation.pointer, operation.value) for operation in folded)
        else:
            self._shared = SharedValue(document.value_copy())
        self.rev = document.rev
        return True
