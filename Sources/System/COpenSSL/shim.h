// OpenSSL: SHA-256 and constant-time comparison of API keys, TLS.
// What the library names by function-like macros, Swift cannot read; these constants and functions it can.
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

// Options: no new handshake on a connection that has one, no compression (CRIME).
static const uint64_t SSL_SHIM_OPTIONS = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION;

// Bounds the versions that are spoken, both included. 1 or 0.
static inline int ssl_shim_set_versions(SSL_CTX *context, int lowest, int highest) {
  return SSL_CTX_set_min_proto_version(context, lowest) == 1 && SSL_CTX_set_max_proto_version(context, highest) == 1;
}

// Adds to the SSL_MODE_* flags of all connections to come.
static inline void ssl_shim_add_modes(SSL_CTX *context, long modes) { SSL_CTX_set_mode(context, modes); }

// Keeps no sessions in memory; tickets, which the peer keeps, are another matter.
static inline void ssl_shim_keep_no_sessions(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
