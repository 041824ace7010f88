# Types: in memory, in /schema, compared, inferred.
rmg_librmg_la_SOURCES += %D%/schema.c %D%/schema.h %D%/schema_check.c %D%/schema_check.h \
	%D%/schema_compare.c %D%/schema_infer.c %D%/schema_infer.h %D%/schema_priv.h %D%/schema_read.c \
	%D%/schema_write.c
