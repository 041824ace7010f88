# kernel/hub: the socket for people and tools.
kernel_libkernel_la_SOURCES += %D%/hub.c %D%/hub.h %D%/hub_client.c %D%/hub_client.h %D%/hub_conn.c %D%/hub_door.c %D%/hub_guest.c \
	%D%/hub_msg.c %D%/hub_msg.h %D%/hub_priv.h %D%/hub_purse.c %D%/hub_purse.h %D%/hub_queue.c %D%/hub_queue.h
