"""Which file system a path is on, by the mount table."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmon_plugin_preflight.launch import Launch

NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "afs", "9p"),
        *("fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.juicefs", "fuse.sshfs", "fuse.goofys", "fuse.blobfuse2"),
    }
)
"""File systems that are reached over a network."""


def filesystem_of(launch: Launch, path: str) -> str:
    """The type of the file system that a path is on, "" when the mount table does not tell.

    Args:
        launch: has the machine's root.
        path: absolute; it need not exist, and is not touched: a dead network file system would not answer.
    """
    try:
        table = launch.path("/proc/self/mounts").read_text(errors="replace")
    except OSError:
        return ""
    mounts = [line.split()[1:3] for line in table.splitlines() if len(line.split()) > 2]  # noqa: PLR2004 (device, point, type)
    wanted = PurePosixPath(path)
    holding = [(point.replace("\\040", " "), kind) for point, kind in mounts]
    holding = [(point, kind) for point, kind in holding if wanted.is_relative_to(point)]
    return max(holding, key=lambda mount: len(mount[0]), default=("", ""))[1]
