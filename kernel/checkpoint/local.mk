# kernel/checkpoint: checkpoints, the data folder, its head.
kernel_libkernel_la_SOURCES += %D%/checkpoint.c %D%/checkpoint.h %D%/checkpoint_beside.c %D%/checkpoint_beside.h \
	%D%/checkpoint_found.c %D%/checkpoint_image.c %D%/checkpoint_image.h %D%/checkpoint_list.c \
	%D%/checkpoint_segment.c %D%/checkpoint_segment.h %D%/folder.c %D%/folder.h %D%/head.c %D%/head.h \
	%D%/manifest.c %D%/manifest.h
