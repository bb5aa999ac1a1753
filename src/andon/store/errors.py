"""Refusals of the store.

AndonError
└── StorageError   the disk is full, fails or cannot be written
"""

from andon.kernel.errors import AndonError


class StorageError(AndonError):
    """The disk is full, fails or cannot be written; nothing was half written."""
