"""A stand-in for AMD's Python binding: its names, what its functions return, and what they raise.

It reads the scenario of `vmon_testkit.amdsmi` anew in each call. Without one it cannot be imported, as the real module
cannot without ROCm.
"""

from .machine import check_import

check_import()

from .amdsmi_exception import (  # noqa: E402 (as the real one, it fails before it has any names)
    AmdSmiException,
    AmdSmiLibraryException,
    AmdSmiParameterException,
    AmdSmiRetryException,
    AmdSmiTimeoutException,
)
from .amdsmi_interface import *  # noqa: E402, F403 (as the real one)

__all__ = [
    "AmdSmiException",
    "AmdSmiLibraryException",
    "AmdSmiParameterException",
    "AmdSmiRetryException",
    "AmdSmiTimeoutException",
]
