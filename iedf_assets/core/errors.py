"""One family of errors. Each says what went wrong with which subject, what caused it, and how to mend it.

FactoryError
├── ProfileError    a profile that cannot be used
├── SourceError     one photo that cannot be used; carries the reason of its manifest row
├── InputsLostError a category folder that vanished or lost most of its photos
├── MassWithdrawalError a change that would take away more of what is published than may go unasked
├── LockedError     another run holds the category
├── WorkerError     a worker that did not start, died or broke its contract
├── SystematicError the same failure so often in a row that going on is pointless
└── StorageError    the outputs cannot be written or are not what they should be
"""

import errno
import os

# Characters of a path that a message shows.
_SHOWN = 300


class FactoryError(Exception):
    """Base of all errors that the factory raises on purpose.

    Args:
        problem: what is wrong, naming the subject (a file, a key, a category).
        remedy: what the user can do about it; empty when nothing can be done.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n  remedy: {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


_REMEDIES = {
    errno.EROFS: "the disk is read-only: mount it writable, or choose another folder",
    errno.EACCES: "mend its permissions, or run as who owns it",
    errno.EPERM: "mend its permissions, or run as who owns it",
    errno.ENOSPC: "free space, then run again: what is finished is kept",
    errno.EDQUOT: "free space, then run again: what is finished is kept",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.EMFILE: "raise the limit of open files (ulimit -n), or lower `threads`",
    errno.ENOMEM: "free memory, or lower `threads`",
}


def is_lasting(error: OSError) -> bool:
    """Whether what the system refused stays refused until somebody does something."""
    return error.errno in _REMEDIES


def of_system(error: OSError) -> "StorageError":
    """What the system refused, as one of ours: with what, why, and what to do about it."""
    subject = error.filename if error.filename is not None else "the disk"
    shown = os.fsdecode(subject) if isinstance(subject, (str, bytes)) else str(subject)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}..."
    remedy = _REMEDIES.get(error.errno or 0, "look at the disk, then run again: what is finished is kept")
    return StorageError(f"{shown} cannot be used: {error.strerror or error}", remedy)


class ProfileError(FactoryError):
    """A profile that cannot be used: unknown keys, wrong values, no such file."""


class SourceError(FactoryError):
    """One photo that cannot be used.

    Args:
        reason: the word that goes into the manifest's `reason` column, such as `truncated`.
        problem: the detail that goes into its `detail` column.
    """

    def __init__(self, reason: str, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.reason = reason


class InputsLostError(FactoryError):
    """A category folder that vanished, or lost most of its photos at once."""


class MassWithdrawalError(FactoryError):
    """A change that would take away more of what is published than may go unasked."""


class LockedError(FactoryError):
    """Another live run works on the same category of the same outputs."""


class WorkerError(FactoryError):
    """A worker that did not start, died, or broke its contract."""


class UnknownEditError(WorkerError):
    """An edit that a backend does not know."""


class SystematicError(FactoryError):
    """The same failure so often in a row that going on is pointless."""


class StorageError(FactoryError):
    """The outputs cannot be written, or are not what they should be."""


def own_words(message: str) -> str:
    """What a check of ours says, without what pydantic puts before it."""
    return message.removeprefix("Value error, ")
