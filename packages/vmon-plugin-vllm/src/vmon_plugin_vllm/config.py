"""The `[plugins.vllm]` table."""

from __future__ import annotations

import attrs
from attrs.validators import gt, le

LONGEST = 3600.0
"""The longest interval and time-out, in seconds: beyond an hour it is a slip of the pen, and nothing would be seen."""


def _seconds(default: float) -> float:
    return attrs.field(default=default, validator=[gt(0), le(LONGEST)])


@attrs.frozen(kw_only=True)
class VllmConfig:
    """How servers are looked at.

    Attributes:
        api_key: sent as a bearer token; give it as `{env = "NAME"}` or `{file = "PATH"}`.
        ca: a file with certificates to trust for HTTPS, "" for the system's.
        insecure: do not verify HTTPS certificates.
        timeout: seconds that one request may take.
        scrape_interval: seconds between two scrapes of a server that is well; each costs it about 5 ms.
        log_interval: seconds between two looks at the log file.
    """

    api_key: str = attrs.field(default="", repr=False)
    ca: str = ""
    insecure: bool = False
    timeout: float = _seconds(2.0)
    scrape_interval: float = _seconds(2.0)
    log_interval: float = _seconds(0.2)
