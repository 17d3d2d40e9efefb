// libjpeg-turbo: JPEG decoding, by its classic interface.
#include <stdio.h>
#include <jpeglib.h>
