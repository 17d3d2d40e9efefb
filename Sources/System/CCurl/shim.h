// libcurl: URLs and HTTP transfers.
#include <curl/curl.h>
