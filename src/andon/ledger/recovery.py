"""The one allowed way back: a restored ledger goes on from an earlier head, and what came after it is given up."""

from dataclasses import dataclass

from andon.kernel.errors import IntegrityError
from andon.ledger.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Recovery:
    """What people decided about a ledger that was restored from a backup; who may is for the trust root to say.

    Attributes:
        lost: The greatest head that was seen; what it has beyond `resumed` is given up.
        resumed: The head that the ledger goes on from.
    """

    lost: Checkpoint
    resumed: Checkpoint

    def __post_init__(self) -> None:
        """Refuse what is no way back.

        Raises:
            IntegrityError: The heads are of different ledgers, or the one is not greater than the other.
        """
        if self.lost.origin != self.resumed.origin or not 0 < self.resumed.size < self.lost.size:
            raise IntegrityError(
                "ledger.not-a-recovery",
                "A recovery goes from a head that was lost back to a smaller one of the same ledger.",
                place=self.lost.origin,
                found=f"from {self.lost.size} entries back to {self.resumed.size} of {self.resumed.origin}",
                fix="Restore the newest backup, and recover from what it holds.",
            )

    def gives_up(self, seen: Checkpoint) -> bool:
        """Whether this is the head that people gave up; a head that was seen after the recovery never is."""
        return seen == self.lost

    def leads_back(self, seen: Checkpoint) -> bool:
        """Whether somebody who saw this head may have seen what is given up, and so may go back to `resumed`, once.

        A witness may have looked earlier than whoever saw the lost head; a head of the same size must be it.
        """
        if seen.origin != self.lost.origin or not self.resumed.size < seen.size <= self.lost.size:
            return False
        return seen.size < self.lost.size or seen.root == self.lost.root
