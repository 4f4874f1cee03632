/* Batch normalisation in training, for pixels x C numbers; C is a multiple of LANES. Sums are of some pixels in float,
 * and of those in double.
 *
 * Included once for each type of maps: TYPE in memory, float in arithmetic. What is known of channels is float. */
#ifndef NORM_H
#define NORM_H

#include "vectors.h"

enum { PIXELS_AT_ONCE = 64 };

/* Both sums of some pixels for COUNT vectors of channels. TAKE sets `one` and `other` from the number at `i`. */
#define SUM(COUNT)                                                                     \
    do {                                                                               \
        Lanes sum[COUNT], sum2[COUNT];                                                 \
        UNROLL for (int j = 0; j < COUNT; j++) sum[j] = sum2[j] = (Lanes){0};          \
        for (int64_t p = start; p < end; p++)                                          \
            UNROLL for (int j = 0; j < COUNT; j++) {                                   \
                const int64_t at = c + j * LANES, i = p * channels + at;               \
                Lanes one, other;                                                      \
                TAKE                                                                   \
                sum[j] += one;                                                         \
                sum2[j] += other;                                                      \
            }                                                                          \
        for (int j = 0; j < COUNT; j++)                                                \
            for (int k = 0; k < LANES; k++) {                                          \
                sums[c + j * LANES + k] += sum[j][k];                                  \
                sums[channels + c + j * LANES + k] += sum2[j][k];                      \
            }                                                                          \
        c += COUNT * LANES;                                                            \
    } while (0)

/* To `sums`, 2 x C, both sums of pixels BEGIN to AFTER - 1. */
#define SUM_PIXELS(BEGIN, AFTER)                                                                 \
    for (int64_t start = BEGIN, end; start < AFTER; start = end) {                               \
        end = start + PIXELS_AT_ONCE < AFTER ? start + PIXELS_AT_ONCE : AFTER;                   \
        for (int64_t c = 0; c < channels;) {                                                     \
            if (c + 4 * LANES <= channels)                                                       \
                SUM(4);                                                                          \
            else if (c + 2 * LANES <= channels)                                                  \
                SUM(2);                                                                          \
            else                                                                                 \
                SUM(1);                                                                          \
        }                                                                                        \
    }

/* Mean and variance, from the sums of what is left of so many pixels when `shift` is taken off, and of its squares. */
static void finish_moments(const float *shift, int64_t pixels, int64_t channels, double *sums) {
    for (int64_t c = 0; c < channels; c++) {
        const double mean = sums[c] / pixels, variance = sums[channels + c] / pixels - mean * mean;
        sums[c] = shift[c] + mean;
        sums[channels + c] = variance < 0 ? 0 : variance; /* not what is no number */
    }
}

/* The gradient before batch norm, by_grad grad + by_maps maps + more; C numbers each. */
typedef struct {
    const float *by_grad, *by_maps, *more;
    const float *factor, *offset; /* by which maps tell what has passed ReLU; NULL if `grad` is before ReLU */
} Back;

#endif

/* To `sums`, 2 x C, what is left of pixels `begin` to `after` - 1 when `shift` is taken off, and its squares. */
static void NAME(add_moments)(const TYPE *maps, int64_t begin, int64_t after, int64_t channels, const float *shift,
                              double *sums) {
#define TAKE                                  \
    one = LOAD(maps + i) - load(shift + at);  \
    other = one * one;
    SUM_PIXELS(begin, after)
#undef TAKE
}

/* Both sums of a gradient behind batch norm and ReLU, for pixels `begin` to `after` - 1: of that before ReLU, and of it
 * times maps less mean. What passes ReLU is told by factor maps + offset. */
static void NAME(add_grad_sums)(const TYPE *grad_out, const TYPE *maps, int64_t begin, int64_t after,
                                int64_t channels, const float *mean, const float *factor, const float *offset,
                                double *sums) {
#define TAKE                                                                            \
    const Lanes v = LOAD(maps + i);                                                     \
    one = where_passing(v * load(factor + at) + load(offset + at), LOAD(grad_out + i)); \
    other = one * (v - load(mean + at));
    SUM_PIXELS(begin, after)
#undef TAKE
}

/* The gradient before batch norm of some pixels. */
static void NAME(grad_before_norm)(const Back *b, const TYPE *grad, const TYPE *maps, int64_t pixels,
                                   int64_t channels, TYPE *to) {
    for (int64_t c = 0; c < channels; c += LANES) {
        const Lanes by_grad = load(b->by_grad + c), by_maps = load(b->by_maps + c), more = load(b->more + c);
        if (b->factor == NULL) {
            for (int64_t i = c; i < pixels * channels; i += channels)
                STORE(to + i, LOAD(grad + i) * by_grad + (LOAD(maps + i) * by_maps + more));
            continue;
        }
        const Lanes factor = load(b->factor + c), offset = load(b->offset + c);
        for (int64_t i = c; i < pixels * channels; i += channels) {
            const Lanes v = LOAD(maps + i);
            STORE(to + i, where_passing(v * factor + offset, LOAD(grad + i)) * by_grad + (v * by_maps + more));
        }
    }
}
