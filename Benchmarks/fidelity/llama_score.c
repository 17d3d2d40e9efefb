// What llama.cpp thinks of a text: for the second half of each window of tokens, the log-probability of the token that
// is there and of the most probable ones, one JSON line a place, as `r4b perplexity --json` prints them.
//
//   cc -O2 llama_score.c -I llama.cpp/include -I llama.cpp/ggml/include -L bin -Wl,-rpath,bin -lllama -lggml
//   -lggml-base -lm a.out MODEL.gguf TEXT WINDOW WINDOWS TOP THREADS BATCH SPECIAL
#include <llama.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void quiet(enum ggml_log_level level, const char *text, void *data) {
  (void)data;
  if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

static void fail(const char *what) {
  fprintf(stderr, "llama_score: %s\n", what);
  exit(1);
}

static char *contents(const char *path, long *size) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) || (*size = ftell(file)) < 0) fail("the text cannot be read");
  rewind(file);
  char *text = malloc((size_t)*size + 1);
  if (!text || fread(text, 1, (size_t)*size, file) != (size_t)*size) fail("the text cannot be read");
  fclose(file);
  return text;
}

/// Prints the place's token and the `top` most probable ones; returns the token's log-probability.
static double report(const float *logits, int vocabulary, int position, llama_token next, int top) {
  float best = logits[0];
  for (int i = 1; i < vocabulary; i++) best = fmaxf(best, logits[i]);
  double sum = 0;
  for (int i = 0; i < vocabulary; i++) sum += exp((double)logits[i] - best);
  double total = best + log(sum), logprob = logits[next] - total;
  printf("{\"position\":%d,\"id\":%d,\"logprob\":%.7f,\"top\":[", position, next, logprob);
  float bound = INFINITY;
  int bound_id = -1;
  for (int rank = 0; rank < top; rank++) {
    int found = -1;
    for (int i = 0; i < vocabulary; i++) {
      if (logits[i] > bound || (logits[i] == bound && i <= bound_id)) continue;
      if (found < 0 || logits[i] > logits[found]) found = i;
    }
    if (found < 0) break;
    printf("%s[%d,%.7f]", rank ? "," : "", found, logits[found] - total);
    bound = logits[found], bound_id = found;
  }
  puts("]}");
  return logprob;
}

int main(int argc, char **argv) {
  if (argc != 9) fail("MODEL TEXT WINDOW WINDOWS TOP THREADS BATCH SPECIAL");
  int window = atoi(argv[3]), windows = atoi(argv[4]), top = atoi(argv[5]), threads = atoi(argv[6]),
      batch = atoi(argv[7]);
  long size;
  char *text = contents(argv[2], &size);
  llama_log_set(quiet, NULL);
  llama_backend_init();
  struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (!model) fail("the model cannot be loaded");
  const struct llama_vocab *vocab = llama_model_get_vocab(model);
  int vocabulary = llama_vocab_n_tokens(vocab);
  llama_token *tokens = malloc(((size_t)size + 16) * sizeof *tokens);
  int count = tokens ? llama_tokenize(vocab, text, (int)size, tokens, (int)size + 16, false, argv[8][0] == '1') : -1;
  if (count < window) fail("less text than a window");
  struct llama_context_params parameters = llama_context_default_params();
  parameters.n_ctx = (uint32_t)window;
  parameters.n_batch = parameters.n_ubatch = (uint32_t)batch;
  parameters.n_threads = parameters.n_threads_batch = threads;
  struct llama_context *context = llama_init_from_model(model, parameters);
  if (!context) fail("no context");
  struct llama_batch places = llama_batch_init(batch, 0, 1);
  double sum = 0;
  int scored = 0;
  for (int start = 0, done = 0; start + window <= count && done < windows; start += window, done++) {
    llama_memory_clear(llama_get_memory(context), true);
    for (int first = 0; first < window; first += batch) {
      places.n_tokens = window - first < batch ? window - first : batch;
      for (int i = 0; i < places.n_tokens; i++) {
        places.token[i] = tokens[start + first + i];
        places.pos[i] = first + i;
        places.n_seq_id[i] = 1;
        places.seq_id[i][0] = 0;
        places.logits[i] = 1;
      }
      if (llama_decode(context, places)) fail("a batch failed");
      for (int i = 0; i < places.n_tokens; i++) {
        int at = first + i;
        if (at < window / 2 || at >= window - 1) continue;
        sum -= report(llama_get_logits_ith(context, i), vocabulary, start + at + 1, tokens[start + at + 1], top);
        scored++;
      }
    }
  }
  printf("{\"tokens\":%d,\"perplexity\":%.6f}\n", scored, exp(sum / (scored ? scored : 1)));
  return 0;
}
