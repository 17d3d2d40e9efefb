// Parses URLs with libcurl's parser.
#include "url.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_ready;

static void start(void) { is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }

int cf_start(void) {
  pthread_once(&once, start);
  return is_ready;
}

static int is_absent(CURLU *handle, CURLUPart part, CURLUcode absent) {
  char *text = NULL;
  CURLUcode code = curl_url_get(handle, part, &text, 0);
  curl_free(text);
  return code == absent;
}

static int read_parts(cf_url *url, const char *text) {
  CURLU *handle = url->handle;
  char *port = NULL;
  if (curl_url_set(handle, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK ||
      curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
      !is_absent(handle, CURLUPART_USER, CURLUE_NO_USER) ||
      !is_absent(handle, CURLUPART_PASSWORD, CURLUE_NO_PASSWORD) ||
      !is_absent(handle, CURLUPART_OPTIONS, CURLUE_NO_OPTIONS) ||
      !is_absent(handle, CURLUPART_ZONEID, CURLUE_NO_ZONEID) ||
      curl_url_get(handle, CURLUPART_SCHEME, &url->scheme, 0) != CURLUE_OK ||
      curl_url_get(handle, CURLUPART_HOST, &url->host, 0) != CURLUE_OK ||
      curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
    return 0;
  long number = strtol(port, NULL, 10);
  curl_free(port);
  url->port = (uint16_t)number;
  return number > 0 && number <= 65535 && url->host[0] != '\0' &&
         (strcmp(url->scheme, "https") == 0 || strcmp(url->scheme, "http") == 0);
}

cf_url *cf_url_parse(const char *text) {
  cf_url *url = cf_start() ? calloc(1, sizeof *url) : NULL;
  if (!url) return NULL;
  url->handle = curl_url();
  if (url->handle && read_parts(url, text)) return url;
  cf_url_free(url);
  return NULL;
}

void cf_url_free(cf_url *url) {
  if (!url) return;
  curl_free(url->scheme);
  curl_free(url->host);
  curl_url_cleanup(url->handle);
  free(url);
}

const char *cf_url_scheme(const cf_url *url) { return url->scheme; }

const char *cf_url_host(const cf_url *url) { return url->host; }

uint16_t cf_url_port(const cf_url *url) { return url->port; }

int cf_url_is_origin(const cf_url *url) {
  char *path = NULL;
  int is_bare = curl_url_get(url->handle, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") == 0;
  curl_free(path);
  return is_bare && is_absent(url->handle, CURLUPART_QUERY, CURLUE_NO_QUERY);
}
