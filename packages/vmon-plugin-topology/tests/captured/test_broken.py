"""XML that is broken, hostile, or something else."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmon_core.errors import VmonError
from vmon_plugin_topology.captured import read_captured
from vmon_plugin_topology.captured.document import MAX_BYTES, MAX_DEPTH
from vmon_plugin_topology.matrix import matrix

ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        [
            *(
                "type",
                "os_index",
                "gp_index",
                "nodeset",
                "cpuset",
                "bridge_type",
                "bridge_pci",
                "pci_busid",
                "pci_type",
            ),
            *("pci_link_speed", "busid", "class", "numaid", "affinity", "link_speed", "link_width", "count", "target"),
            *("tclass", "sm", "name", "indexing", "speed", "local_memory", "subtype"),
        ]
    ),
    st.sampled_from(
        [
            *(
                "",
                "-1",
                "0",
                "1",
                "0x1",
                "0x3",
                "0xf...f",
                "x",
                "9" * 40,
                "0000:01:00.0",
                "0302 [10de:1db8]",
                "0-1",
                "1-1",
            ),
            *(
                "Package",
                "NUMANode",
                "Bridge",
                "PCIDev",
                "0000:[01-02]",
                "0x030200",
                "0x060400",
                "NVLinkBandwidth",
                "²",
                "1.5",
            ),
        ]
    ),
    max_size=6,
)
TAGS = st.sampled_from(
    ["object", "cpu", "pci", "gpu", "nvlink", "nic", "net", "distances2", "indexes", "u64values", "info"]
)


def element(tag: str, attributes: dict[str, str], children: list[str]) -> str:
    """Write an element."""
    told = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<{tag}{told}>{''.join(children)}</{tag}>"


LEAVES = st.builds(element, TAGS, ATTRIBUTES, st.lists(st.sampled_from(["0 1", "25000 0 0 25000", "x"]), max_size=1))
TREES = st.recursive(
    LEAVES, lambda inner: st.builds(element, TAGS, ATTRIBUTES, st.lists(inner, max_size=4)), max_leaves=12
)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no XML"),
        (b"<system", "no XML"),
        (b"\x00\xff", "no XML"),
        (b'<?xml version="1.0" encoding="utf-77"?><system/>', "no XML"),
        (b"<html/>", "neither"),
        (b'<!DOCTYPE x [<!ENTITY a "aa">]><system>&a;</system>', "entities"),
        (b"<system>" * 5000 + b"</system>" * 5000, "nested"),
        (b"<pci>" * MAX_DEPTH + b"</pci>" * MAX_DEPTH, "neither"),
    ],
)
def test_message_says_what_is_wrong(tmp_path: Path, data: bytes, said: str) -> None:
    """And there is no traceback."""
    (tmp_path / "box.xml").write_bytes(data)
    with pytest.raises(VmonError, match=said):
        read_captured(tmp_path / "box.xml")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    """The system's word for it is in the message."""
    with pytest.raises(VmonError, match="No such file"):
        read_captured(tmp_path / "none.xml")
    with pytest.raises(VmonError, match="Is a directory"):
        read_captured(tmp_path)


def test_too_large(tmp_path: Path) -> None:
    """It is not even parsed."""
    with (tmp_path / "box.xml").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(VmonError, match="16 MiB"):
        read_captured(tmp_path / "box.xml")


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["system", "topology"]), st.lists(TREES, max_size=4))
def test_nonsense(tag: str, trees: list[str]) -> None:
    """Well-formed nonsense gives a graph of what can be believed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "box.xml"
        path.write_text(element(tag, {}, trees), encoding="utf-8")
        found = read_captured(path)
        assert len(matrix(found).cells) == len(found.gpus) + len(found.nics)
