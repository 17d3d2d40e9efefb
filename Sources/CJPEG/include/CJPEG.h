// JPEG decoding with libjpeg-turbo. Its errors leave by longjmp, which must not cross Swift frames, so the calls are made in C.
// Stateless: every call has its own decompressor and may run on any thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Decodes to 3 interleaved channels (RGB, also of a grey image), or to 4 (CMYK as stored) when `components` is 4.
///
/// `pixels` holds `[height, width, 3 or 4]`. Size and number of components are those that the caller read from the header; another
/// header is an error, so nothing is ever written past the end. Damage that the decoder can step over is tolerated, input that
/// ends early is not. `should_stop` is called with `context` at every line and at every row of blocks of every scan; the decode ends
/// when it returns anything but 0. Returns 1 when every pixel was decoded, else 0.
int cjpeg_decode(const uint8_t *data, size_t size, uint32_t width, uint32_t height, int components, uint8_t *pixels,
                 int (*should_stop)(void *context), void *context);
