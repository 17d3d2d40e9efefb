// Oniguruma regular expressions: the engine that Hugging Face tokenizers compile their pre-tokenisers with.
// The library's encodings and default syntax are mutable globals or macros, which Swift cannot read; these functions
// can.
#include <stddef.h>

#include <oniguruma.h>

// Prepares UTF-8 tables; must have returned once before anything else, and is not safe to race.
static inline int onig_shim_initialize(void) {
  OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
  return onig_initialize(encodings, 1);
}

// Compiles a UTF-8 pattern in the library's default syntax without options. 0 or a negative error code.
static inline int onig_shim_compile(OnigRegex *regex, const unsigned char *pattern, size_t count) {
  return onig_new(regex, pattern, pattern + count, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, 0);
}

// The library's text for an error code, NUL-terminated; `text` holds at least ONIG_MAX_ERROR_MESSAGE_LEN bytes.
static inline int onig_shim_message(unsigned char *text, int code) { return onig_error_code_to_str(text, code); }
