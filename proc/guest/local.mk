# proc/guest: what runs inside a worker.
