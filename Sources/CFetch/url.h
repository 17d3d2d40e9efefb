// A parsed URL, shared by the parser and the transfer.
#pragma once
#include "CFetch.h"

#include <curl/curl.h>

struct cf_url {
  CURLU *handle;
  char *scheme;
  char *host;
  uint16_t port;
};

/// Initialises libcurl once. Returns 0 on failure.
int cf_start(void);
