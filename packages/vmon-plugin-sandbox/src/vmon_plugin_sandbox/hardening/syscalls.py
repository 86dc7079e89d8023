"""The numbers of the system calls that a worker needs, on each processor that is supported.

From the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h; a test compares them
with the headers of the machine it runs on.
"""

from __future__ import annotations

import platform

_TABLE = """
name               x86_64 aarch64
arch_prctl            158       -
brk                    12     214
clock_getres          229     114
clock_gettime         228     113
clock_nanosleep       230     115
clone                  56     220
clone3                435     435
close                   3      57
execveat              322     281
exit                   60      93
exit_group            231      94
fstat                   5      80
futex                 202      98
getpid                 39     172
getrandom             318     278
gettid                186     178
lseek                   8      62
madvise                28     233
mmap                    9     222
mprotect               10     226
mremap                 25     216
munmap                 11     215
nanosleep              35     101
newfstatat            262      79
open                    2       -
openat                257      56
poll                    7       -
ppoll                 271      73
prctl                 157     167
pread64                17      67
prlimit64             302     261
read                    0      63
readv                  19      65
rseq                  334     293
rt_sigaction           13     134
rt_sigprocmask         14     135
rt_sigreturn           15     139
sched_getaffinity     204     123
sched_yield            24     124
set_robust_list       273      99
set_tid_address       218      96
sigaltstack           131     132
stat                    4       -
statx                 332     291
write                   1      64
writev                 20      66
"""

_ROWS = [line.split() for line in _TABLE.strip().splitlines()]
PROCESSORS = tuple(_ROWS[0][1:])
NUMBERS = {
    processor: {row[0]: int(row[column]) for row in _ROWS[1:] if row[column] != "-"}
    for column, processor in enumerate(PROCESSORS, start=1)
}
"""The numbers by processor and name; a call that a processor does not have has none."""


def here() -> str:
    """The processor of this machine.

    Raises:
        OSError: it is none of those that are supported.
    """
    machine = platform.machine()
    if machine not in NUMBERS:
        message = f"no system call numbers are known for {machine}, only for {' and '.join(PROCESSORS)}"
        raise OSError(message)
    return machine
