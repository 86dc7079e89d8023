"""Refuse answers that vmon, Python or a text file would choke on later."""

import re
import sys

KINDS = ("collector", "analyzer", "guardrail", "lifecycle", "intervention", "exporter", "command")
LONGEST_NAME, LONGEST_LINE = 30, 80

name = {{ cookiecutter.name|jsonify }}
chosen = {{ cookiecutter.__kinds|jsonify }}.split(",")
lines = {"summary": {{ cookiecutter.__summary|jsonify }}, "author": {{ cookiecutter.author|jsonify }}}

if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*", name) or len(name) > LONGEST_NAME:
    sys.exit(
        f"{name!r} is no name for a plugin: use lower case letters, digits and hyphens, at most {LONGEST_NAME} of "
        "them, with a letter at the beginning of each word, as in 'room-temperature'"
    )
for kind in chosen:
    if kind not in KINDS:
        sys.exit(f"{kind!r} is no kind of hook; name some of these, with commas: {', '.join(KINDS)}")
if len(set(chosen)) < len(chosen):
    sys.exit(f"a kind of hook is named twice in {', '.join(chosen)}")
for what, text in lines.items():
    if not text.strip() or len(text) > LONGEST_LINE or re.search(r'["\\\x00-\x1f\x7f]', text):
        sys.exit(f"{text!r} is no {what}: it needs 1 to {LONGEST_LINE} characters, without quotation marks and backslashes")
