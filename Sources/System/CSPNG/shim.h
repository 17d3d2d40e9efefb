// libspng: PNG decoding.
#include <spng.h>
