"""Take secrets out of text, mappings and command lines before anything is kept or shown.

Names decide first (a key called `HF_TOKEN`), shapes second (an access token in the middle of a sentence). Names are
compared word by word, so that `max_num_batched_tokens` and `tokenizer` stay readable. When in doubt too much is hidden
rather than too little.
"""

from __future__ import annotations

from vmon_core.redaction.names import is_secret_name
from vmon_core.redaction.plain import MAX_DEPTH, redact_command, redact_mapping
from vmon_core.redaction.text import HIDDEN, redact_text

__all__ = ["HIDDEN", "MAX_DEPTH", "is_secret_name", "redact_command", "redact_mapping", "redact_text"]
