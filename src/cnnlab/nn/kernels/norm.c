/* Batch normalisation in training, and what follows it: the addition of other maps, and ReLU. Each way reads the maps
 * twice, once for sums over the batch and once for the results, where layers one by one take twice as many passes.
 *
 * What looks at maps is compiled once for each type of theirs: TYPE in memory, float in arithmetic. */
#ifndef TYPE

#include <math.h>

#include "vectors.h"

typedef struct {
    int64_t pixels, channels;
    int64_t items, parts; /* pixels or images, and into how many parts they are divided */
    double eps, momentum;
} Norm;

/* Every vector of the maps in parts `first` to `last` - 1, with its channel. */
#define EACH                                                                                           \
    const int64_t channels = g->channels, after = g->pixels * last / g->parts;                         \
    for (int64_t p = g->pixels * first / g->parts, i = p * channels; p < after; p++)                   \
        for (int64_t c = 0; c < channels; c += LANES, i += LANES)

static double share_of(const Norm *g, int64_t part) {
    return (double)(g->items * (part + 1) / g->parts - g->items * part / g->parts) / g->items;
}

/* Arrays: moments of all parts; weight, C; bias, C; scale, 4 x C: mean, what comes to a standard deviation of 1, factor,
 * and offset: batch norm is factor maps + offset; the running mean and the running variance, C each, which follow; the
 * variance without bias: divided by pixels - 1. */
void norm_scale(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const double *moments = arrays[0];
    const float *weight = arrays[1], *bias = arrays[2];
    float *scale = arrays[3], *running_mean = arrays[4], *running_variance = arrays[5];
    const int64_t channels = g->channels;
    const double unbiased = g->pixels / (g->pixels - 1.0);
    for (int64_t c = 0; c < channels && first < last; c++) {
        double mean = 0, variance = 0;
        for (int64_t part = 0; part < g->parts; part++) mean += share_of(g, part) * moments[part * 2 * channels + c];
        for (int64_t part = 0; part < g->parts; part++) {
            const double *of_part = moments + part * 2 * channels + c, away = of_part[0] - mean;
            variance += share_of(g, part) * (of_part[channels] + away * away);
        }
        const double inverse = 1 / sqrt(variance + g->eps), factor = weight[c] * inverse;
        const double numbers[] = {mean, inverse, factor, bias[c] - mean * factor};
        for (int i = 0; i < 4; i++) scale[i * channels + c] = numbers[i];
        running_mean[c] += g->momentum * (mean - running_mean[c]);
        running_variance[c] += g->momentum * (unbiased * variance - running_variance[c]);
    }
}

/* Arrays: sums of add_grad_sums for all parts; weight, C; scale; back, 5 x C: the gradients of weight and bias; and
 * by_grad, by_maps and more of Back. */
void norm_back(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const double *sums = arrays[0];
    const float *weight = arrays[1], *scale = arrays[2];
    float *back = arrays[3];
    const int64_t channels = g->channels;
    for (int64_t c = 0; c < channels && first < last; c++) {
        const double mean = scale[c], inverse = scale[channels + c];
        double grad = 0, with_maps = 0;
        for (int64_t part = 0; part < g->parts; part++) {
            grad += sums[part * 2 * channels + c];
            with_maps += sums[(part * 2 + 1) * channels + c];
        }
        /* Less its mean, by way of the mean, and its share along the maps, by way of the variance */
        const double by_grad = weight[c] * inverse, by_maps = -by_grad * inverse * inverse * with_maps / g->pixels;
        const double more = -by_grad * grad / g->pixels - by_maps * mean;
        const double numbers[] = {with_maps * inverse, grad, by_grad, by_maps, more};
        for (int i = 0; i < 5; i++) back[i * channels + c] = numbers[i];
    }
}

#define TYPE float
#define NAME(verb) verb##_float32
#define LOAD load
#define STORE store
#include "norm.c"

#define TYPE uint16_t
#define NAME(verb) verb##_bf16
#define LOAD widen
#define STORE narrow
#include "norm.c"

#else

#include "norm.h"

/* Parts first to last - 1. Arrays: maps; shift, C; for each part the mean and the variance of each channel. */
void NAME(norm_moments)(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const int64_t channels = g->channels;
    double *all_sums = arrays[2];
    for (int64_t part = first; part < last; part++) {
        const int64_t begin = g->pixels * part / g->parts, after = g->pixels * (part + 1) / g->parts;
        double *sums = all_sums + part * 2 * channels;
        memset(sums, 0, 2 * channels * sizeof *sums);
        NAME(add_moments)(arrays[0], begin, after, channels, arrays[1], sums);
        finish_moments(arrays[1], after - begin, channels, sums);
    }
}

/* Arrays: maps; factor, C; offset, C; other maps to add, may be NULL; out = ReLU(factor maps + offset + added). */
void NAME(norm_forward)(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const TYPE *maps = arrays[0], *added = arrays[3];
    const float *factor = arrays[1], *offset = arrays[2];
    TYPE *out = arrays[4];
    EACH {
        Lanes v = LOAD(maps + i) * load(factor + c) + load(offset + c);
        if (added != NULL) v += LOAD(added + i);
        STORE(out + i, where_passing(v, v));
    }
}

/* Arrays: grad_out; maps; mean, C; sums: of the gradient before ReLU, and of it times maps less mean. What passes ReLU
 * tell either the maps, by factor and offset of norm_forward, C each; or, where others were added, `out`, and the
 * gradient before ReLU is written to `grad`. */
void NAME(norm_grad_sums)(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const TYPE *grad_out = arrays[0], *maps = arrays[1], *out = arrays[6];
    const float *mean = arrays[2], *factor = arrays[4], *offset = arrays[5];
    double *all_sums = arrays[3];
    TYPE *grad = arrays[7];
    const int64_t channels = g->channels;
    for (int64_t part = first; part < last; part++) {
        const int64_t begin = g->pixels * part / g->parts, after = g->pixels * (part + 1) / g->parts;
        double *sums = all_sums + part * 2 * channels;
        memset(sums, 0, 2 * channels * sizeof *sums);
        if (out == NULL) {
            NAME(add_grad_sums)(grad_out, maps, begin, after, channels, mean, factor, offset, sums);
        } else {
#define TAKE                                                \
    one = where_passing(LOAD(out + i), LOAD(grad_out + i)); \
    STORE(grad + i, one);                                   \
    other = one * (LOAD(maps + i) - load(mean + at));
            SUM_PIXELS(begin, after)
#undef TAKE
        }
    }
}

/* Arrays: grad_out; maps; by_grad, by_maps and more, C each; grad_maps = by_grad grad + by_maps maps + more; factor and
 * offset of norm_forward, C each, both NULL if grad_out is the gradient before ReLU. */
void NAME(norm_backward)(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const TYPE *grad_out = arrays[0], *maps = arrays[1];
    const Back back = {arrays[2], arrays[3], arrays[4], arrays[6], arrays[7]};
    const int64_t channels = g->channels, after = g->pixels * last / g->parts;
    TYPE *grad_maps = arrays[5];
    for (int64_t p = g->pixels * first / g->parts, count; p < after; p += count) {
        const int64_t i = p * channels;
        count = after - p < PIXELS_AT_ONCE ? after - p : PIXELS_AT_ONCE;
        NAME(grad_before_norm)(&back, grad_out + i, maps + i, count, channels, grad_maps + i);
    }
}

#include "type_ends.h"

#endif
