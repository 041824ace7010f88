# Files and what vouches for them: .rmg, .wsc, roots of others, proofs, envelopes, mounts.
rmg_librmg_la_SOURCES += %D%/envelope.c %D%/envelope.h %D%/file.h %D%/file_check.c \
	%D%/file_load.c %D%/file_priv.h %D%/file_read.c %D%/file_write.c %D%/foreign_root.c \
	%D%/foreign_root.h %D%/mount.c %D%/mount.h %D%/out.c \
	%D%/out_priv.h %D%/proof.h %D%/proof_make.c %D%/proof_priv.h \
	%D%/proof_read.c %D%/wsc.h %D%/wsc_check.c %D%/wsc_fits.c %D%/wsc_load.c %D%/wsc_priv.h %D%/wsc_read.c \
	%D%/wsc_window.c %D%/wsc_write.c %D%/wsc_write_priv.h
