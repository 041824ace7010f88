# Tests of syscall.
