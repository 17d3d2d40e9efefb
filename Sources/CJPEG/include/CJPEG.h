// JPEG decoding with libjpeg-turbo. The library reports errors with longjmp, which must not cross Swift frames, so C
// makes the calls. Stateless: every call has its own decompressor and may run on any thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Decodes to 3 interleaved channels (RGB, also for grey images), or to 4 (CMYK as stored) if `components` is 4.
///
/// `pixels` is `[height, width, 3 or 4]`. Size and number of components must match the header, which is verified, so
/// that nothing is written beyond the end. Recoverable damage is tolerated, a premature end of the input is not.
/// `should_stop` is called with `context` at every line and at every row of blocks of every scan; decoding stops if
/// it returns non-zero. Returns 1 if every pixel was decoded, else 0.
int cjpeg_decode(const uint8_t *data, size_t size, uint32_t width, uint32_t height, int components, uint8_t *pixels,
                 int (*should_stop)(void *context), void *context);
