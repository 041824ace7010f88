# kernel/event: the event loop, waiting, threads.
kernel_libkernel_la_SOURCES += %D%/loop.c %D%/loop.h %D%/pool.c %D%/pool.h %D%/thread.c \
	%D%/thread.h %D%/uring.c %D%/uring.h %D%/waiter.c %D%/waiter.h
