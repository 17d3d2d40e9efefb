// libwebp: WebP decoding and the walk through its container.
#include <webp/decode.h>
#include <webp/demux.h>
