// Files that are part of the program, so that it needs none beside it.
#pragma once

#include <stddef.h>

// The OpenAPI document with placeholders: Sources/API/OpenAPI/openapi.json.
extern const unsigned char *const ce_openapi;
extern const size_t ce_openapi_size;
