// Calls libjpeg-turbo with an error manager that jumps back here and prints nothing.
#include "CJPEG.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

typedef struct {
  struct jpeg_error_mgr manager;  // First, so that libjpeg's pointer to it also points to this struct.
  jmp_buf escape;
  int ended_early;
} errors;

static void fail(j_common_ptr info) { longjmp(((errors *)info->err)->escape, 1); }

static void note(j_common_ptr info, int level) {
  errors *state = (errors *)info->err;
  if (level < 0 && state->manager.msg_code == JWRN_JPEG_EOF) state->ended_early = 1;
}

typedef struct {
  struct jpeg_progress_mgr manager;  // First, as above.
  int (*should_stop)(void *context);
  void *context;
} watch;

// libjpeg calls this before every line, and before every row of blocks while it reads a progressive image's scans.
static void look(j_common_ptr info) {
  watch *state = (watch *)info->progress;
  if (state->should_stop(state->context)) fail(info);
}

static void silence(j_common_ptr info) { (void)info; }

int cjpeg_decode(const uint8_t *data, size_t size, uint32_t width, uint32_t height, int components, uint8_t *pixels,
                 int (*should_stop)(void *context), void *context) {
  struct jpeg_decompress_struct info;
  errors state;
  watch progress = {.manager.progress_monitor = look, .should_stop = should_stop, .context = context};
  info.err = jpeg_std_error(&state.manager);
  state.manager.error_exit = fail;
  state.manager.emit_message = note;
  state.manager.output_message = silence;
  state.ended_early = 0;
  if (setjmp(state.escape)) {
    jpeg_destroy_decompress(&info);
    return 0;
  }
  jpeg_create_decompress(&info);
  info.progress = &progress.manager;
  jpeg_mem_src(&info, data, size);
  jpeg_read_header(&info, TRUE);
  // The other defaults apply: accurate integer IDCT, fancy upsampling.
  info.out_color_space = components == 4 ? JCS_CMYK : JCS_RGB;
  if (info.image_width != width || info.image_height != height || info.num_components != components)
    fail((j_common_ptr)&info);
  jpeg_start_decompress(&info);
  const size_t stride = (size_t)width * (components == 4 ? 4 : 3);
  if (info.output_width != width || info.output_height != height || (size_t)info.output_components * width != stride) {
    fail((j_common_ptr)&info);
  }
  while (info.output_scanline < info.output_height && !state.ended_early) {
    JSAMPROW row = pixels + info.output_scanline * stride;
    jpeg_read_scanlines(&info, &row, 1);
  }
  // Avoids jpeg_finish_decompress, which would require an end marker that the pixels do not need.
  jpeg_destroy_decompress(&info);
  return !state.ended_early;
}
