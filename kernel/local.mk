# kernel: the shell: event loop, io_uring, log files, clock, worker table.
