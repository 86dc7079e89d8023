"""The operating system's side of the sandbox: what a worker may still do if the interpreter in it is broken."""
