/* Convolutions whose windows step over pixels, as matrix products: the windows of some places, which may be anywhere in
 * the batch, are copied into lines that stay in the cache.
 *
 * Maps lie as N x H x W x C, kernels as (taps x taps x C) x K.
 */
#include "product.h"

enum { PLACES = 48, NUMBERS_AT_ONCE = 16 /* that memory sends */ };

typedef struct {
    int64_t images, height, width, channels;
    int64_t out_height, out_width, out_channels;
    int64_t taps, stride, pad;
    int64_t parts; /* into which the images are divided on the way back */
} Conv;

/* Where the pixels of one line of a window are: `count` of them from `from` on; in the window from `skipped` on. */
typedef struct {
    int64_t from, skipped, count;
} Run;

static inline Run find_run(const Conv *g, int64_t place, int64_t tap) {
    const int64_t x = place % g->out_width * g->stride - g->pad, lines = place / g->out_width;
    const int64_t y = lines % g->out_height * g->stride - g->pad + tap;
    const int64_t skipped = x < 0 ? -x : 0, end = x + g->taps <= g->width ? g->taps : g->width - x;
    if (y < 0 || y >= g->height || end <= skipped) return (Run){0, 0, 0};
    return (Run){((lines / g->out_height * g->height + y) * g->width + x + skipped) * g->channels,
                 skipped * g->channels, (end - skipped) * g->channels};
}

/* The windows of places `start` and on, one in each line. */
static void copy_windows(const Conv *g, const float *maps, int64_t start, int64_t count, float *to) {
    const int64_t line = g->taps * g->channels;
    for (int64_t place = start; place < start + count; place++)
        for (int64_t tap = 0; tap < g->taps; tap++, to += line) {
            const Run run = find_run(g, place, tap);
            if (run.count < line) memset(to, 0, line * sizeof *to);
            for (int64_t i = 0; i < run.count; i += LANES) store(to + run.skipped + i, load(maps + run.from + i));
            /* The lines that the next places need; memory takes longer to answer than a window to be copied. */
            for (int64_t i = 0; tap + g->stride >= g->taps && i < run.count; i += NUMBERS_AT_ONCE)
                __builtin_prefetch(maps + run.from + g->stride * g->width * g->channels + i);
        }
}

/* To the maps are added the windows of places `start` and on. */
static void add_windows(const Conv *g, float *maps, int64_t start, int64_t count, const float *from) {
    const int64_t line = g->taps * g->channels;
    for (int64_t place = start; place < start + count; place++)
        for (int64_t tap = 0; tap < g->taps; tap++, from += line) {
            const Run run = find_run(g, place, tap);
            float *to = maps + run.from;
            for (int64_t i = 0; i < run.count; i += LANES) store(to + i, load(to + i) + load(from + run.skipped + i));
        }
}

/* Images first to last - 1. Arrays: maps; kernels; bias, may be NULL; out. */
void windows_forward(const Conv *g, int64_t first, int64_t last, void *const *arrays) {
    const int64_t depth = g->taps * g->taps * g->channels, out = g->out_channels;
    const int64_t places = g->out_height * g->out_width, end = last * places;
    const float *kernels = arrays[1], *bias = arrays[2];
    float *windows = room(PLACES * depth), *made = arrays[3];
    for (int64_t start = first * places, count; start < end; start += count) {
        count = end - start < PLACES ? end - start : PLACES;
        copy_windows(g, arrays[0], start, count, windows);
        for (int64_t p = 0; bias != NULL && p < count; p++) memcpy(made + (start + p) * out, bias, out * sizeof *made);
        multiply(&(Product){count, out, depth, windows, depth, 1, kernels, out, made + start * out, out, bias != NULL});
    }
    free(windows);
}

/* Parts first to last - 1. Arrays: maps; grad_out; kernels, K x (taps x taps x C); grad_maps, may be NULL; the gradient
 * of the kernels for each part, as forward has them. */
void windows_backward(const Conv *g, int64_t first, int64_t last, void *const *arrays) {
    const int64_t depth = g->taps * g->taps * g->channels, out = g->out_channels;
    const int64_t places = g->out_height * g->out_width, image = g->height * g->width * g->channels;
    const float *grad_out = arrays[1], *kernels = arrays[2];
    float *grad_maps = arrays[3], *grads = arrays[4], *windows = room(PLACES * depth);
    for (int64_t part = first; part < last; part++) {
        const int64_t begin = g->images * part / g->parts, after = g->images * (part + 1) / g->parts;
        float *grad = grads + part * depth * out;
        memset(grad, 0, depth * out * sizeof *grad);
        if (grad_maps != NULL) memset(grad_maps + begin * image, 0, (after - begin) * image * sizeof *grad_maps);
        for (int64_t start = begin * places, count; start < after * places; start += count) {
            count = after * places - start < PLACES ? after * places - start : PLACES;
            const float *from = grad_out + start * out;
            copy_windows(g, arrays[0], start, count, windows);
            multiply(&(Product){depth, out, count, windows, 1, depth, from, out, grad, out, 1});
            if (grad_maps == NULL) continue;
            multiply(&(Product){count, depth, out, from, out, 1, kernels, depth, windows, depth, 0});
            add_windows(g, grad_maps, start, count, windows);
        }
    }
    free(windows);
}
