"""Links between pages, and to files of the repository, lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("packages/*/*.md"))]
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def relative_links(text: str) -> list[str]:
    """The targets of links that stay in the repository, without their anchors."""
    targets = (match["target"] for match in LINK.finditer(FENCED.sub("", text)))
    return [t.partition("#")[0] for t in targets if "://" not in t and not t.startswith(("#", "mailto:"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file or a folder."""
    links = relative_links(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_can_be_reached() -> None:
    """From docs/index.md, link by link, a reader gets to every page."""
    start = ROOT / "docs/index.md"
    reached, open_pages = {start}, [start]
    while open_pages:
        page = open_pages.pop()
        links = relative_links(page.read_text(encoding="utf-8"))
        found = {(page.parent / link).resolve() for link in links if link.endswith(".md")} - reached
        reached |= found
        open_pages += found
    assert sorted(set(ROOT.glob("docs/**/*.md")) - reached) == []


def test_links_are_found() -> None:
    """Anchors are cut off, code and the web are left out."""
    text = "[a](b.md#c) [w](https://example.org) [h](#here)\n```\n[x](y.md)\n```\n"
    assert relative_links(text) == ["b.md"]
