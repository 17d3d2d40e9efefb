// giflib: GIF decoding.
#include <gif_lib.h>
