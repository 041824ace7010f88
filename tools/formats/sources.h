/* tools/formats/sources.h - where files of types lie: beside the file that imports them, else among
 * the schemas that are installed. Layer: tools. */
#ifndef JIT_TOOLS_FORMATS_SOURCES_H
#define JIT_TOOLS_FORMATS_SOURCES_H

#include "rmg/lang/lang.h"

/* A relative name counts from the folder of the file that names it ("" or NULL: where we are). What
 * is not there is looked for in $JITOS_SCHEMAS, else in the folder of the installed schemas. */
struct lang_sources format_sources(void);

/* The folder that relative paths in a file count from. */
void format_folder_of(const char *file, char *out, size_t size);

#endif
