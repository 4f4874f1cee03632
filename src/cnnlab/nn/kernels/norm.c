/* Batch normalisation in training, and what follows it: the addition of other maps, and ReLU. Each way reads the maps
 * twice, once for sums over the batch and once for the results, where layers one by one take twice as many passes. */
#include "norm.h"

typedef struct {
    int64_t pixels, channels;
    int64_t parts; /* into which the pixels are divided */
} Norm;

/* Every vector of the maps in parts `first` to `last` - 1, with its channel. */
#define EACH                                                                                           \
    const int64_t channels = g->channels, after = g->pixels * last / g->parts;                         \
    for (int64_t p = g->pixels * first / g->parts, i = p * channels; p < after; p++)                   \
        for (int64_t c = 0; c < channels; c += LANES, i += LANES)

/* Parts first to last - 1. Arrays: maps; shift, C; sums: of what is left when `shift` is taken off, and of its
 * squares. */
void norm_sums(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const int64_t channels = g->channels;
    double *all_sums = arrays[2];
    for (int64_t part = first; part < last; part++) {
        double *sums = all_sums + part * 2 * channels;
        memset(sums, 0, 2 * channels * sizeof *sums);
        add_moments(arrays[0], g->pixels * part / g->parts, g->pixels * (part + 1) / g->parts, channels, arrays[1], sums);
    }
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
    const int64_t channels = g->channels;
    for (int64_t part = first; part < last; part++) {
        const int64_t begin = g->pixels * part / g->parts, after = g->pixels * (part + 1) / g->parts;
        double *sums = all_sums + part * 2 * channels;
        memset(sums, 0, 2 * channels * sizeof *sums);
        if (out == NULL) {
#define TAKE                                                                                             \
    const Lanes v = load(maps + i);                                                                      \
    one = where_passing(v * load(factor + at) + load(offset + at), load(grad_out + i));                  \
    other = one * (v - load(mean + at));
            SUM_PIXELS(begin, after)
#undef TAKE
        } else {
#define TAKE                                                \
    one = where_passing(load(out + i), load(grad_out + i)); \
    store(grad + i, one);                                   \
    other = one * (load(maps + i) - load(mean + at));
            SUM_PIXELS(begin, after)
#undef TAKE
        }
    }
}

/* Arrays: grad_out; maps; by_grad, by_maps and more, C each; grad_maps = by_grad grad + by_maps maps + more; factor and
 * offset of norm_forward, C each, both NULL if grad_out is the gradient before ReLU. */
void norm_backward(const Norm *g, int64_t first, int64_t last, void *const *arrays) {
    const float *grad_out = arrays[0], *maps = arrays[1];
    const Back back = {arrays[2], arrays[3], arrays[4], arrays[6], arrays[7]};
    const int64_t channels = g->channels, after = g->pixels * last / g->parts;
    float *grad_maps = arrays[5];
    for (int64_t p = g->pixels * first / g->parts, count; p < after; p += count) {
        const int64_t i = p * channels;
        count = after - p < PIXELS_AT_ONCE ? after - p : PIXELS_AT_ONCE;
        grad_before_norm(&back, grad_out + i, maps + i, count, channels, grad_maps + i);
    }
}
