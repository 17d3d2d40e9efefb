// The same operations in plain loops and double precision, as references for the tests. The model never uses them.
#include "CKernels.h"
#include <math.h>
#include <stdlib.h>

/// Rounds inputs as a product with weights of `type` does: to 8 bits with a scale for each block, or not at all.
static void round_like(ck_type type, double *out, const float *x, uint32_t columns) {
  const uint32_t block = ck_block_values(type);
  for (uint32_t at = 0; at < columns; at += block) {
    const uint32_t n = columns - at < block ? columns - at : block;
    float most = 0;
    bool finite = true;
    for (uint32_t i = at; i < at + n; i++) {
      most = fmaxf(most, fabsf(x[i]));
      finite &= (bool)isfinite(x[i]);
    }
    for (uint32_t i = at; i < at + n; i++)
      out[i] = block == 1      ? x[i]
               : !finite       ? NAN
               : most < 1e-30f ? 0
                               : (double)rintf(x[i] * (127 / most)) * (most / 127);
  }
}

void ck_matmul_ref(float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows, ck_linear linear,
                   const float *bias, bool accumulate) {
  const uint32_t columns = linear.parts[0].columns;
  double *input = calloc(columns + 1, sizeof *input);
  float *weight = calloc(columns + 1, sizeof *weight);
  for (uint32_t part = 0; part < linear.count; part++) {
    const ck_matrix w = linear.parts[part];
    for (uint32_t r = 0; r < rows; r++) {
      round_like(w.type, input, x + r * x_stride, columns);
      for (uint32_t c = 0; c < w.rows; c++) {
        double sum = bias ? bias[c] : 0;
        ck_matrix_row(weight, w, c);
        for (uint32_t i = 0; i < columns; i++) sum += input[i] * weight[i];
        float *o = &out[r * out_stride + c];
        *o = (float)(accumulate ? *o + sum : sum);
      }
    }
    out += w.rows;
    if (bias) bias += w.rows;
  }
  free(input);
  free(weight);
}

void ck_rms_norm_ref(float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows, uint32_t columns,
                     const float *weight, float epsilon) {
  for (uint32_t r = 0; r < rows; r++) {
    double squares = 0;
    for (uint32_t i = 0; i < columns; i++) squares += (double)x[r * x_stride + i] * x[r * x_stride + i];
    double scale = 1 / sqrt(squares / columns + epsilon);
    for (uint32_t i = 0; i < columns; i++) out[r * out_stride + i] = (float)(x[r * x_stride + i] * scale * weight[i]);
  }
}

void ck_layer_norm_ref(float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows, uint32_t columns,
                       const float *weight, const float *bias, float epsilon) {
  for (uint32_t r = 0; r < rows; r++) {
    const float *row = x + r * x_stride;
    double mean = 0, squares = 0;
    for (uint32_t i = 0; i < columns; i++) mean += row[i];
    mean /= columns;
    for (uint32_t i = 0; i < columns; i++) squares += (row[i] - mean) * (row[i] - mean);
    double scale = 1 / sqrt(squares / columns + epsilon);
    for (uint32_t i = 0; i < columns; i++)
      out[r * out_stride + i] = (float)((row[i] - mean) * scale * weight[i] + bias[i]);
  }
}

void ck_norm_rope_ref(float *x, size_t x_stride, uint32_t rows, uint32_t heads, uint32_t head_dim, const float *weight,
                      float epsilon, const int32_t *positions, const float *cosines, const float *sines,
                      bool interleaved) {
  const uint32_t half = head_dim / 2;
  for (uint32_t r = 0; r < rows; r++)
    for (uint32_t h = 0; h < heads; h++) {
      float *head = x + r * x_stride + (size_t)h * head_dim;
      if (weight) ck_rms_norm_ref(head, head_dim, head, head_dim, 1, head_dim, weight, epsilon);
      for (uint32_t i = 0; i < half; i++) {
        double c = cosines[(size_t)positions[r] * half + i], s = sines[(size_t)positions[r] * half + i];
        float *first = interleaved ? &head[2 * i] : &head[i], *second = interleaved ? first + 1 : first + half;
        double a = *first, b = *second;
        *first = (float)(a * c - b * s);
        *second = (float)(b * c + a * s);
      }
    }
}

static float stored(const char *block, ck_type type, size_t scale, size_t scales, size_t index) {
  float value;
  if (type == CK_Q8_0) {
    ck_widen(&value, block + 2 * scale, CK_F16, 1);
    return value * ((const int8_t *)block)[2 * scales + index];
  }
  ck_widen(&value, block + index * ck_block_bytes(type), type, 1);
  return value;
}

void ck_load_kv_ref(float *key, float *value, ck_kv kv, uint32_t head, uint32_t position) {
  const uint32_t dim = kv.head_dim, lane = position % 16;
  const size_t scales = dim / 32 * 16;
  const char *keys = ck_key_at(&kv, head, position), *values = ck_value_at(&kv, head, position);
  for (uint32_t d = 0; d < dim; d++) {
    key[d] = stored(keys, kv.type, d / 32 * 16 + lane, scales, d * 16 + lane);
    value[d] = stored(values, kv.type, d / 32 * 16 + lane, scales, lane * ck_padded_head(dim) + d);
  }
}

void ck_attention_ref(const ck_attention_job *job) {
  const uint32_t dim = job->kv.head_dim, group = job->heads / job->kv.heads;
  const uint32_t longest = job->first_limit + (job->causal ? job->rows : 0);
  double *weights = malloc(longest * sizeof(double));
  float *keys = malloc((size_t)longest * dim * sizeof(float)), *values = malloc((size_t)longest * dim * sizeof(float));
  if (!weights || !keys || !values) abort();
  for (uint32_t h = 0; h < job->heads; h++) {
    const uint32_t last = job->first_limit + (job->causal ? job->rows - 1 : 0);
    for (uint32_t j = 0; j < last; j++) ck_load_kv_ref(keys + j * dim, values + j * dim, job->kv, h / group, j);
    for (uint32_t r = 0; r < job->rows; r++) {
      const float *query = job->queries + r * job->query_stride + (size_t)h * dim;
      const uint32_t limit = job->first_limit + (job->causal ? r : 0);
      double top = -INFINITY, total = 0;
      for (uint32_t j = 0; j < limit; j++) {
        double score = 0;
        for (uint32_t d = 0; d < dim; d++) score += (double)query[d] * keys[j * dim + d];
        weights[j] = score * job->scale;
        if (weights[j] > top) top = weights[j];
      }
      for (uint32_t j = 0; j < limit; j++) total += weights[j] = exp(weights[j] - top);
      for (uint32_t d = 0; d < dim; d++) {
        double sum = 0;
        for (uint32_t j = 0; j < limit; j++) sum += weights[j] * values[j * dim + d];
        job->out[r * job->out_stride + (size_t)h * dim + d] = (float)(sum / total);
      }
    }
  }
  free(weights), free(keys), free(values);
}

void ck_silu_mul_ref(float *out, size_t out_stride, const float *x, size_t x_stride, uint32_t rows, uint32_t width) {
  for (uint32_t r = 0; r < rows; r++)
    for (uint32_t i = 0; i < width; i++) {
      double gate = x[r * x_stride + i], up = x[r * x_stride + width + i];
      out[r * out_stride + i] = (float)(gate / (1 + exp(-gate)) * up);
    }
}

void ck_gelu_tanh_ref(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) {
    double v = x[i];
    x[i] = (float)(0.5 * v * (1 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v))));
  }
}

void ck_gelu_erf_ref(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = (float)(0.5 * x[i] * erfc(-x[i] * 0.7071067811865476));
}
