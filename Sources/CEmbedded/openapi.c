#include "CEmbedded.h"

static const unsigned char bytes[] = {
#embed "../API/OpenAPI/openapi.json"
};

const unsigned char *const ce_openapi = bytes;
const size_t ce_openapi_size = sizeof bytes;
