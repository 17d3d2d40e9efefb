// What fetching an image needs of C: libcurl, whose options are set through a variadic function that Swift cannot call, and
// openat2, which the C library has no function for. Stateless: every call may run on any thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// A URL as libcurl's parser reads it. The transfer uses the same parsed value, so that what was checked is what is fetched.
typedef struct cf_url cf_url;

/// Parses an absolute `http:` or `https:` URL and drops its fragment. NULL for other schemes, user information, IPv6 zones,
/// whatever libcurl does not accept, and when there is no memory.
cf_url *cf_url_parse(const char *text);
void cf_url_free(cf_url *url);

/// `http` or `https`.
const char *cf_url_scheme(const cf_url *url);
/// The host, IPv4 in dotted decimals, IPv6 in brackets.
const char *cf_url_host(const cf_url *url);
/// The port, the scheme's own where the URL names none.
uint16_t cf_url_port(const cf_url *url);
/// Whether the URL is nothing but scheme, host and port.
int cf_url_is_origin(const cf_url *url);

/// What a transfer asks while it runs, always on the thread that runs it.
typedef struct {
  void *context;
  /// Whether to connect to this address: 4 or 16 bytes in network order. Nothing else is ever connected to.
  int (*may_connect)(void *context, const uint8_t *address, size_t count);
  /// Takes bytes of the image; 0 ends the transfer.
  int (*receive)(void *context, const uint8_t *bytes, size_t count);
  /// Whether to give up; asked at least once a second.
  int (*is_cancelled)(void *context);
} cf_callbacks;

/// Bounds of one transfer.
typedef struct {
  int64_t max_bytes;
  int64_t timeout_ms;
  /// PEM file of certificate authorities; NULL takes the system's.
  const char *authorities;
} cf_limits;

typedef enum {
  /// Status 200 and the whole body.
  CF_COMPLETE,
  /// A redirect, whose target is in the reply.
  CF_REDIRECT,
  /// Status 200 with more than `max_bytes`, or `receive` returned 0.
  CF_REFUSED,
  /// Anything else: no name, no address that may be connected to, TLS, another status, time.
  CF_FAILED
} cf_outcome;

/// How a transfer ended.
typedef struct {
  cf_outcome outcome;
  /// The last status; 0 without one.
  long status;
  /// libcurl's text for its result code, for logs: a constant.
  const char *reason;
  /// Absolute target of a redirect, to be freed with `cf_free`; else NULL.
  char *redirect;
} cf_reply;

/// One GET without redirects, proxies, cookies, credentials, content encodings or kept connections.
cf_reply cf_fetch(const cf_url *url, const cf_limits *limits, const cf_callbacks *callbacks);
void cf_free(char *text);

/// Opens the file at `path` (relative, without `.` and `..`) below the directory `root` for reading, never following a symbolic
/// link and never waiting for a peer. Returns a descriptor or -errno. `walk` takes the way of kernels without openat2.
int cf_open_beneath(int root, const char *path, int walk);
