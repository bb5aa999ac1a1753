"""The refusals that only serving makes, as a tree.

AndonError
└── NotReadyError   this worker cannot answer now; another one, or a moment later, may
"""

from andon.kernel.errors import AndonError


class NotReadyError(AndonError):
    """This worker cannot answer now; another one, or a moment later, may."""
