// OpenSSL: SHA-256 and constant-time comparison of API keys, TLS.
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
