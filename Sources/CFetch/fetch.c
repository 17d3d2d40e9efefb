// One transfer with libcurl. A handle serves one transfer: no connection, name, cookie or session outlives it.
#include "url.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/// The limits on the size of all header fields, and of a redirect's body, which is discarded.
enum { max_header_bytes = 64 << 10, max_redirect_bytes = 64 << 10 };

/// The rate in bytes per second below which a transfer is aborted after half of its time.
enum { low_speed = 512 };

typedef struct {
  CURL *handle;
  const cf_limits *limits;
  const cf_callbacks *callbacks;
  size_t header_bytes;
  int64_t body_bytes;
  int is_rejected;
} transfer;

static int is_redirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Called with the exact address to connect to, after the name was resolved.
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
  transfer *state = context;
  const cf_callbacks *callbacks = state->callbacks;
  if (purpose != CURLSOCKTYPE_IPCXN || address->socktype != SOCK_STREAM) return CURL_SOCKET_BAD;
  int is_allowed = 0;
  if (address->family == AF_INET && address->addrlen >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in v4;
    memcpy(&v4, &address->addr, sizeof v4);
    is_allowed = callbacks->may_connect(callbacks->context, (const uint8_t *)&v4.sin_addr, 4);
  } else if (address->family == AF_INET6 && address->addrlen >= sizeof(struct sockaddr_in6)) {
    struct sockaddr_in6 v6;
    memcpy(&v6, &address->addr, sizeof v6);
    is_allowed = callbacks->may_connect(callbacks->context, (const uint8_t *)&v6.sin6_addr, 16);
  }
  return is_allowed ? socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol) : CURL_SOCKET_BAD;
}

static size_t header(char *bytes, size_t size, size_t count, void *context) {
  transfer *state = context;
  (void)bytes;
  state->header_bytes += size * count;
  return state->header_bytes > max_header_bytes ? 0 : size * count;
}

static size_t body(char *bytes, size_t size, size_t count, void *context) {
  transfer *state = context;
  size_t total = size * count;
  long status = 0;
  if (total == 0) return 0;
  curl_easy_getinfo(state->handle, CURLINFO_RESPONSE_CODE, &status);
  state->body_bytes += (int64_t)total;
  if (is_redirect(status)) return state->body_bytes > max_redirect_bytes ? 0 : total;
  if (status != 200) return 0;
  if (state->body_bytes <= state->limits->max_bytes &&
      state->callbacks->receive(state->callbacks->context, (const uint8_t *)bytes, total))
    return total;
  state->is_rejected = 1;
  return 0;
}

static int progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  transfer *state = context;
  (void)a, (void)b, (void)c, (void)d;
  return state->callbacks->is_cancelled(state->callbacks->context);
}

/// Sets the options. Returns 0 if this libcurl lacks an option: without it a transfer would not be safe.
static int configure(transfer *state, const cf_url *url, struct curl_slist *fields) {
  CURL *handle = state->handle;
  const cf_limits *limits = state->limits;
  long seconds = (long)(limits->timeout_ms / 2000);
  int failures = 0;
#define SET(option, value) failures += curl_easy_setopt(handle, option, value) != CURLE_OK
  SET(CURLOPT_CURLU, url->handle);
#if LIBCURL_VERSION_NUM >= 0x075500
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
  SET(CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_HTTP09_ALLOWED, 0L);
  SET(CURLOPT_HTTPGET, 1L);
  SET(CURLOPT_HTTPHEADER, fields);
  SET(CURLOPT_USERAGENT, "r4b");
  // An empty name also disables the proxies of the environment.
  SET(CURLOPT_PROXY, "");
  SET(CURLOPT_NOPROXY, "*");
  SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_FORBID_REUSE, 1L);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (limits->authorities) {
    SET(CURLOPT_CAINFO, limits->authorities);
    SET(CURLOPT_CAPATH, NULL);
  }
  SET(CURLOPT_TIMEOUT_MS, (long)limits->timeout_ms);
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)limits->timeout_ms);
  SET(CURLOPT_LOW_SPEED_LIMIT, (long)low_speed);
  SET(CURLOPT_LOW_SPEED_TIME, seconds > 0 ? seconds : 1L);
  SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limits->max_bytes);
  SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  SET(CURLOPT_OPENSOCKETDATA, state);
  SET(CURLOPT_HEADERFUNCTION, header);
  SET(CURLOPT_HEADERDATA, state);
  SET(CURLOPT_WRITEFUNCTION, body);
  SET(CURLOPT_WRITEDATA, state);
  SET(CURLOPT_NOPROGRESS, 0L);
  SET(CURLOPT_XFERINFOFUNCTION, progress);
  SET(CURLOPT_XFERINFODATA, state);
#undef SET
  return failures == 0;
}

/// Blocks SIGPIPE in this thread, which would end the process: OpenSSL writes without MSG_NOSIGNAL to a socket whose
/// peer has left.
typedef struct {
  sigset_t before;
  int was_pending;
} pipe_guard;

static int is_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void set_of_pipe(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGPIPE);
}

static int begin_guard(pipe_guard *guard) {
  sigset_t set;
  set_of_pipe(&set);
  guard->was_pending = is_pending();
  return pthread_sigmask(SIG_BLOCK, &set, &guard->before) == 0;
}

static void end_guard(const pipe_guard *guard) {
  sigset_t set;
  set_of_pipe(&set);
  struct timespec now = {0, 0};
  if (!guard->was_pending && is_pending()) sigtimedwait(&set, NULL, &now);
  pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

static void perform(transfer *state, cf_reply *reply) {
  CURLcode code = curl_easy_perform(state->handle);
  const char *target = NULL;
  reply->reason = curl_easy_strerror(code);
  curl_easy_getinfo(state->handle, CURLINFO_RESPONSE_CODE, &reply->status);
  if (state->is_rejected || (code == CURLE_FILESIZE_EXCEEDED && reply->status == 200)) {
    reply->outcome = CF_REJECTED;
  } else if (code == CURLE_OK && reply->status == 200) {
    reply->outcome = CF_COMPLETE;
  } else if (code == CURLE_OK && is_redirect(reply->status) &&
             curl_easy_getinfo(state->handle, CURLINFO_REDIRECT_URL, &target) == CURLE_OK && target) {
    reply->redirect = strdup(target);
    if (reply->redirect) reply->outcome = CF_REDIRECT;
  }
}

cf_reply cf_fetch(const cf_url *url, const cf_limits *limits, const cf_callbacks *callbacks) {
  cf_reply reply = {.outcome = CF_FAILED, .status = 0, .reason = "not begun", .redirect = NULL};
  transfer state = {.limits = limits, .callbacks = callbacks};
  struct curl_slist *fields = curl_slist_append(NULL, "Accept: image/*");
  pipe_guard guard;
  if (!begin_guard(&guard)) {
    curl_slist_free_all(fields);
    return reply;
  }
  state.handle = curl_easy_init();
  if (state.handle && fields && limits->timeout_ms > 0 && configure(&state, url, fields)) perform(&state, &reply);
  if (state.handle) curl_easy_cleanup(state.handle);
  end_guard(&guard);
  curl_slist_free_all(fields);
  return reply;
}
