"""What ends a run, and what is tried again."""

import errno

RETRIES = 2
"""How often what failed is tried again."""

FOR_GOOD = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}
"""Errors of writing that do not pass by themselves."""


class ScanFailed(RuntimeError):
    """Some blocks failed; the others are in the store, and the next run computes the rest."""
