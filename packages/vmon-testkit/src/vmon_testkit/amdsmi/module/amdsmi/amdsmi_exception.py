"""What the binding raises."""

from __future__ import annotations

RETRY, TIMEOUT = 9, 8


class AmdSmiException(Exception):  # noqa: N818 (the real one's name)
    """The base of all."""


class AmdSmiLibraryException(AmdSmiException):
    """An error code of the library; `err_code` is its number."""

    def __init__(self, err_code: int) -> None:
        super().__init__(abs(err_code))
        self.err_code = abs(err_code)
        self.err_info = f"AMDSMI_STATUS_{self.err_code} - made up"

    def __str__(self) -> str:
        return f"Error code:\n\t{self.err_code} | {self.err_info}"

    def get_error_code(self) -> int:
        """The number."""
        return self.err_code


class AmdSmiRetryException(AmdSmiLibraryException):
    """Try again."""

    def __init__(self) -> None:
        super().__init__(RETRY)


class AmdSmiTimeoutException(AmdSmiLibraryException):
    """It took too long."""

    def __init__(self) -> None:
        super().__init__(TIMEOUT)


class AmdSmiParameterException(AmdSmiException):
    """An argument of the wrong type; it has no code."""

    def __init__(self, received: object, expected: type) -> None:
        super().__init__()
        self.err_code = None
        self.err_msg = f"Invalid parameter:\nActual type: {type(received)}\nExpected type: {expected}"

    def __str__(self) -> str:
        return self.err_msg
