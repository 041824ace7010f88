# syscall: ABI, ring, decode, capability checks.
