/* Winograd's convolution of a block of tiles after the other, transforms and products together, so that a block
 * stays in the cache of its thread and no thread waits for another: for channels so few that their kernels stay
 * there too. */
#define TYPE float
#define NAME(verb) verb##_float32
#define LOAD load
#define STORE store
#include "norm.h"
#include "type_ends.h"
#include "product.h"
#include "winograd.h"

enum { C_MAX = 2048 };

typedef struct {
    int64_t images, height, width, channels, out_channels;
    int64_t pitch, out_pitch; /* numbers from pixel to pixel, of which these channels are a part */
    int64_t taps;             /* of the kernels' side */
    int64_t block; /* tiles at once, or a few less */
    int64_t gap;   /* numbers behind each line and plane of kernels, so that they do not take each other's place */
    int64_t parts; /* into which the images are divided */
} Conv;

static const float zeros[C_MAX];

/* Tiles of a block: whole lines of tiles. */
static inline int64_t tiles_at_once(const Conv *g, const Shape *maps) {
    const int64_t wide = (maps->width + step_of(maps) - 1) / step_of(maps);
    return g->block < wide ? wide : g->block / wide * wide;
}

/* From one plane of a block to the next. */
static inline int64_t plane_of(int64_t block, int64_t channels) { return block * channels + 2 * LANES; }

/* Numbers of maps before a line of tiles, whose first one is `tile`. */
static inline int64_t numbers_before(const Shape *s, int64_t tile) {
    const Place at = place_of(s, tile);
    return (at.n * s->height + at.y) * s->width * s->pitch;
}

/* Pixels before those whose gradient waits for tile `next`, whose window reaches into lines above it. */
static inline int64_t pixels_known(const Shape *s, int64_t next) {
    const Place at = place_of(s, next);
    return (at.n * s->height + (at.y > 0 ? at.y - s->taps / 2 : 0)) * s->width;
}

/* Parts first to last - 1. Arrays: maps; kernels, POINTS x C x (K + gap); bias, may be NULL; out; for each part the mean
 * and the variance of each channel, may be NULL: else pitches are channels; and the two of Seen, may be NULL. */
void blocks_forward(const Conv *g, int64_t first, int64_t last, void *const *arrays) {
    const float *kernels = arrays[1], *bias = arrays[2] != NULL ? arrays[2] : zeros;
    float *made_maps = arrays[3];
    double *moments = arrays[4];
    const Seen by_norm = {arrays[5], arrays[6]}, *seen = by_norm.factor != NULL ? &by_norm : NULL;
    const int64_t in = g->channels, out = g->out_channels, down = out + g->gap;
    const Shape maps = {g->height, g->width, in, g->pitch, g->taps};
    const Shape made = {g->height, g->width, out, g->out_pitch, g->taps};
    const int64_t block = tiles_at_once(g, &maps), plane = plane_of(block, in), out_plane = plane_of(block, out);
    float *spectrum = room(POINTS * plane), *products = room(POINTS * out_plane), *shift = room(out);
    for (int64_t part = first; part < last; part++) {
        const int64_t begin = g->images * part / g->parts * num_tiles(&maps);
        const int64_t end = g->images * (part + 1) / g->parts * num_tiles(&maps);
        double *sums = moments != NULL ? moments + part * 2 * out : NULL;
        if (moments != NULL) memset(sums, 0, 2 * out * sizeof *sums);
        for (int64_t start = begin, count; start < end; start += count) {
            count = end - start < block ? end - start : block;
            spectrum_of_maps(&maps, arrays[0], seen, start, count, spectrum, plane);
            for (int p = 0; p < POINTS; p++) {
                const float *kernel = kernels + p * (in * down + g->gap);
                float *product = products + p * out_plane;
                multiply(&(Product){count, out, in, spectrum + p * plane, in, 1, kernel, down, product, out, 0});
            }
            maps_of_spectrum(&made, made_maps, start, count, products, out_plane, bias);
            if (moments == NULL) continue;
            const int64_t from = numbers_before(&made, start) / out, to = numbers_before(&made, start + count) / out;
            if (start == begin) {
                /* Less about their mean, a channel loses no digits to a mean far from zero. */
                add_moments_float32(made_maps, from, to, out, zeros, sums);
                for (int64_t c = 0; c < out; c++) shift[c] = sums[c] / (to - from);
                memset(sums, 0, 2 * out * sizeof *sums);
            }
            add_moments_float32(made_maps, from, to, out, shift, sums);
        }
        if (moments != NULL)
            finish_moments(shift, (numbers_before(&made, end) - numbers_before(&made, begin)) / out, out, sums);
    }
    free(spectrum), free(products), free(shift);
}

/* The spectrum of the gradient before batch norm, a line of tiles after the other. `line`: room for one. */
static void spectrum_before_norm(const Shape *made, const Back *back, const float *grad_out, const float *maps,
                                 int64_t start, int64_t count, float *to, int64_t plane, float *sum, float *framed,
                                 float *line) {
    const int64_t step = step_of(made), wide = (made->width + step - 1) / step;
    for (int64_t t = 0; t < count; t += wide, to += wide * made->channels) {
        const int64_t from = numbers_before(made, start + t), left = made->height - place_of(made, start + t).y;
        const Shape lines = {left < step ? left : step, made->width, made->channels, made->pitch, made->taps};
        const float *far[] = {grad_out + from, maps + from};
        grad_before_norm_float32(back, far[0], far[1], lines.height * lines.width, lines.channels, line);
        spectrum_of_grad(&lines, line, 0, wide, to, plane, sum, framed, far);
    }
}

/* Parts first to last - 1. Arrays: maps; grad_out; kernels, POINTS x K x (C + gap); grad_maps, may be NULL; and for
 * each part: the gradient of the kernels' spectrum, as that is, and that of the bias. Where batch norm follows, grad_out
 * is that of its results, and there are: what forward made, may be NULL; and the five of Back. Where the maps are seen by
 * way of batch norm, grad_maps is there and the gradient of what is seen, pitches are channels, and there are: the two of
 * Seen, may be NULL; the mean of each channel; and for each part the sums of add_grad_sums. */
void blocks_backward(const Conv *g, int64_t first, int64_t last, void *const *arrays) {
    const float *kernels = arrays[2];
    float *grad_maps = arrays[3], *grads = arrays[4], *sums = arrays[5];
    const float *grad_out = arrays[1], *far[] = {grad_out, NULL}, *made_maps = arrays[6];
    const Back back = {arrays[7], arrays[8], arrays[9], arrays[10], arrays[11]};
    const Seen by_norm = {arrays[12], arrays[13]}, *seen = by_norm.factor != NULL ? &by_norm : NULL;
    const int64_t in = g->channels, out = g->out_channels, down = in + g->gap, size = out * down + g->gap;
    const Shape maps = {g->height, g->width, in, g->pitch, g->taps};
    const Shape made = {g->height, g->width, out, g->out_pitch, g->taps};
    const int64_t block = tiles_at_once(g, &maps), plane = plane_of(block, in), out_plane = plane_of(block, out);
    float *spectrum = room(POINTS * plane), *spectrum_out = room(POINTS * out_plane), *framed = room(POINTS * out);
    float *line = room(MOST_STEP * g->width * out);
    for (int64_t part = first; part < last; part++) {
        const int64_t begin = g->images * part / g->parts, after = g->images * (part + 1) / g->parts;
        const int64_t end = after * num_tiles(&maps);
        float *grad = grads + part * POINTS * size, *sum = sums + part * out;
        memset(grad, 0, POINTS * size * sizeof *grad);
        double *grad_sums = seen != NULL ? (double *)arrays[15] + part * 2 * in : NULL;
        int64_t summed = begin * maps.height * maps.width; /* pixels */
        memset(sum, 0, out * sizeof *sum);
        if (seen != NULL) memset(grad_sums, 0, 2 * in * sizeof *grad_sums);
        for (int64_t start = begin * num_tiles(&maps), count; start < end; start += count) {
            count = end - start < block ? end - start : block;
            spectrum_of_maps(&maps, arrays[0], seen, start, count, spectrum, plane);
            if (made_maps == NULL)
                spectrum_of_grad(&made, grad_out, start, count, spectrum_out, out_plane, sum, framed, far);
            else
                spectrum_before_norm(&made, &back, grad_out, made_maps, start, count, spectrum_out, out_plane, sum,
                                     framed, line);
            for (int p = 0; p < POINTS; p++) {
                const float *from = spectrum_out + p * out_plane;
                float *window = spectrum + p * plane;
                multiply(&(Product){out, in, count, from, 1, out, window, in, grad + p * size, down, 1});
                if (grad_maps != NULL)
                    multiply(&(Product){count, in, out, from, out, 1, kernels + p * size, down, window, in, 0});
            }
            if (grad_maps != NULL) grad_of_spectrum(&maps, grad_maps, start, count, spectrum, plane);
            if (seen == NULL) continue;
            const int64_t known = pixels_known(&maps, start + count);
            add_grad_sums_float32(grad_maps, arrays[0], summed, known, in, arrays[14], seen->factor, seen->offset,
                                  grad_sums);
            summed = known;
        }
    }
    free(spectrum), free(spectrum_out), free(framed), free(line);
}
