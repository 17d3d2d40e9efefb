// The C functions for fetching images: libcurl, whose options are set with a variadic function that Swift cannot
// call, and openat2, which the C library does not wrap. Stateless: every call may run on any thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// A URL parsed by libcurl. The transfer uses the same parsed value, so that the checked URL is the fetched one.
typedef struct cf_url cf_url;

/// Parses an absolute `http:` or `https:` URL and drops its fragment. Returns NULL for other schemes, user
/// information, IPv6 zones, URLs that libcurl rejects, and if memory is short.
cf_url *cf_url_parse(const char *text);
void cf_url_free(cf_url *url);

/// `http` or `https`.
const char *cf_url_scheme(const cf_url *url);
/// The host; IPv4 in dotted decimals, IPv6 in brackets.
const char *cf_url_host(const cf_url *url);
/// The port; the default of the scheme if the URL has none.
uint16_t cf_url_port(const cf_url *url);
/// Whether the URL consists only of scheme, host and port.
int cf_url_is_origin(const cf_url *url);

/// The callbacks of a transfer, always called on its thread.
typedef struct {
  void *context;
  /// Whether to connect to this address, 4 or 16 bytes in network order. No other address is connected to.
  int (*may_connect)(void *context, const uint8_t *address, size_t count);
  /// Takes bytes of the image. Returning 0 ends the transfer.
  int (*receive)(void *context, const uint8_t *bytes, size_t count);
  /// Whether to abort; called at least once per second.
  int (*is_cancelled)(void *context);
} cf_callbacks;

/// The limits of one transfer.
typedef struct {
  int64_t max_bytes;
  int64_t timeout_ms;
  /// The PEM file of certificate authorities; NULL for the system's.
  const char *authorities;
} cf_limits;

typedef enum {
  /// Status 200 and the complete body.
  CF_COMPLETE,
  /// A redirect; the target is in the reply.
  CF_REDIRECT,
  /// Status 200 with more than `max_bytes`, or `receive` returned 0.
  CF_REJECTED,
  /// Any other failure: name, forbidden addresses, TLS, another status, or timeout.
  CF_FAILED
} cf_outcome;

/// The result of a transfer.
typedef struct {
  cf_outcome outcome;
  /// The last status; 0 if there was none.
  long status;
  /// libcurl's text for its result code, for logs; a constant.
  const char *reason;
  /// The absolute target of a redirect, to be freed with `cf_free`, or NULL.
  char *redirect;
} cf_reply;

/// Sends one GET without redirects, proxies, cookies, credentials, content encodings or persistent connections.
cf_reply cf_fetch(const cf_url *url, const cf_limits *limits, const cf_callbacks *callbacks);
void cf_free(char *text);

/// Opens the file at `path` (relative, without `.` and `..`) below the directory `root` for reading. Never follows a
/// symbolic link and never waits for a peer. Returns a descriptor or -errno. `walk` forces the fallback for kernels
/// without openat2.
int cf_open_beneath(int root, const char *path, int walk);
