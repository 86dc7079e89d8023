"""Refuse names that vmon or Python would refuse later."""

import keyword
import re
import sys

NAME, MODULE = "{{ cookiecutter.name }}", "{{ cookiecutter.module }}"

if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", NAME):
    sys.exit(f"{NAME!r} is no name for a plugin: use lower case letters, digits and hyphens, as in 'room-temperature'")
if not MODULE.isidentifier() or keyword.iskeyword(MODULE):
    sys.exit(f"{MODULE!r} is no name for a Python package: use lower case letters, digits and underscores")
