/* Batch normalisation in training, and what follows it: the addition of other maps, and ReLU. Each way reads the maps
 * twice, once for sums over the batch and once for the results, where layers one by one take twice as many passes.
 *
 * Maps lie as pixels x C, the pixels of all images in a row; C is a multiple of LANES. Sums are of blocks of pixels in
 * float, and of those in double.
 */
#include "vectors.h"

typedef struct {
    int64_t pixels, channels;
    int64_t parts; /* into which the pixels are divided */
} Norm;

enum { BLOCK = 64 };

/* Both sums of a block for COUNT vectors of channels. `take` sets `one` and `other` from the number at `i`. */
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

/* Both sums for each part: parts x 2 x C. */
#define SUM_ALL                                                                                     \
    const int64_t channels = g->channels;                                                           \
    for (int64_t part = first; part < last; part++) {                                               \
        const int64_t after = g->pixels * (part + 1) / g->parts;                                    \
        double *sums = all_sums + part * 2 * channels;                                              \
        memset(sums, 0, 2 * channels * sizeof *sums);                                               \
        for (int64_t start = g->pixels * part / g->parts, end; start < after; start = end) {        \
            end = start + BLOCK < after ? start + BLOCK : after;                                    \
            for (int64_t c = 0; c < channels;) {                                                    \
                if (c + 4 * LANES <= channels)                                                      \
                    SUM(4);                                                                         \
                else if (c + 2 * LANES <= channels)                                                 \
                    SUM(2);                                                                         \
                else                                                                                \
                    SUM(1);                                                                         \
            }                                                                                       \
        }                                                                                           \
    }

/* Every vector of the maps in parts `first` to `last` - 1, with its channel. */
#define EACH                                                                                           \
    const int64_t channels = g->channels, after = g->pixels * last / g->parts;                         \
    for (int64_t p = g->pixels * first / g->parts, i = p * channels; p < after; p++)                   \
        for (int64_t c = 0; c < channels; c += LANES, i += LANES)

typedef int32_t Ints __attribute__((vector_size(sizeof(Lanes))));

/* `v` where ReLU lets `like` pass, else 0; what is no number passes, as torch has it. */
static inline Lanes where_passing(Lanes like, Lanes v) { return (Lanes)((Ints)v & ~(like <= 0)); }

/* Parts first to last - 1. Arrays: maps; shift, C; sums: of what is left when `shift` is taken off, and of its
 * squares. */
void norm_sums(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const float *maps = arrays[0], *shift = arrays[1];
    double *all_sums = arrays[2];
#define TAKE                                  \
    one = load(maps + i) - load(shift + at);  \
    other = one * one;
    SUM_ALL
#undef TAKE
}

/* Arrays: maps; factor, C; offset, C; other maps to add, may be NULL; out = ReLU(factor maps + offset + added). */
void norm_forward(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const float *maps = arrays[0], *factor = arrays[1], *offset = arrays[2], *added = arrays[3];
    float *out = arrays[4];
    EACH {
        Lanes v = load(maps + i) * load(factor + c) + load(offset + c);
        if (added != NULL) v += load(added + i);
        store(out + i, where_passing(v, v));
    }
}

/* Arrays: grad_out; maps; mean, C; sums: of the gradient before ReLU, and of it times maps less mean. What passes ReLU
 * tell either the maps, by factor and offset of norm_forward, C each; or, where others were added, `out`, and the
 * gradient before ReLU is written to `grad`. */
void norm_grad_sums(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const float *grad_out = arrays[0], *maps = arrays[1], *mean = arrays[2];
    double *all_sums = arrays[3];
    const float *factor = arrays[4], *offset = arrays[5], *out = arrays[6];
    float *grad = arrays[7];
    if (out == NULL) {
#define TAKE                                                                                             \
    const Lanes v = load(maps + i);                                                                      \
    one = where_passing(v * load(factor + at) + load(offset + at), load(grad_out + i));                  \
    other = one * (v - load(mean + at));
        SUM_ALL
#undef TAKE
    } else {
#define TAKE                                                \
    one = where_passing(load(out + i), load(grad_out + i)); \
    store(grad + i, one);                                   \
    other = one * (load(maps + i) - load(mean + at));
        SUM_ALL
#undef TAKE
    }
}

/* Arrays: grad_out; maps; by_grad, by_maps and more, C each; grad_maps = by_grad grad + by_maps maps + more; factor and
 * offset of norm_forward, C each, both NULL if grad_out is the gradient before ReLU. */
void norm_backward(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const float *grad_out = arrays[0], *maps = arrays[1];
    const float *by_grad = arrays[2], *by_maps = arrays[3], *more = arrays[4];
    float *grad_maps = arrays[5];
    const float *factor = arrays[6], *offset = arrays[7];
    EACH {
        const Lanes v = load(maps + i);
        Lanes grad = load(grad_out + i);
        if (factor != NULL) grad = where_passing(v * load(factor + c) + load(offset + c), grad);
        store(grad_maps + i, grad * load(by_grad + c) + (v * load(by_maps + c) + load(more + c)));
    }
}
