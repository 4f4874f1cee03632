/* Winograd's convolution of a block of tiles after the other, transforms and products together, so that a block
 * stays in the cache of its thread and no thread waits for another: for channels so few that their kernels stay
 * there too. */
#include "product.h"
#include "winograd.h"

enum { C_MAX = 2048 };

typedef struct {
    int64_t images, height, width, channels, out_channels;
    int64_t pitch, out_pitch; /* numbers from pixel to pixel, of which these channels are a part */
    int64_t taps;             /* of the kernels' side */
    int64_t block; /* tiles at once, or a few less */
    int64_t gap;   /* numbers behind each line of kernels, so that lines do not take each other's place */
    int64_t parts; /* into which the images are divided on the way back */
} Conv;

static const float zeros[C_MAX];

/* Tiles of a block: whole lines of tiles. */
static inline int64_t tiles_at_once(const Conv *g, const Shape *maps) {
    const int64_t wide = (maps->width + step_of(maps) - 1) / step_of(maps);
    return g->block < wide ? wide : g->block / wide * wide;
}

/* From one plane of a block to the next. */
static inline int64_t plane_of(int64_t block, int64_t channels) { return block * channels + 2 * LANES; }

/* Images first to last - 1. Arrays: maps; kernels, POINTS x C x (K + gap); bias, may be NULL; out. */
void blocks_forward(const Conv *g, int64_t first, int64_t last, void *const *arrays) {
    const float *kernels = arrays[1], *bias = arrays[2] != NULL ? arrays[2] : zeros;
    const int64_t in = g->channels, out = g->out_channels, down = out + g->gap;
    const Shape maps = {g->height, g->width, in, g->pitch, g->taps};
    const Shape made = {g->height, g->width, out, g->out_pitch, g->taps};
    const int64_t block = tiles_at_once(g, &maps), plane = plane_of(block, in), out_plane = plane_of(block, out);
    const int64_t end = last * num_tiles(&maps);
    float *spectrum = room(POINTS * plane), *products = room(POINTS * out_plane);
    for (int64_t start = first * num_tiles(&maps), count; start < end; start += count) {
        count = end - start < block ? end - start : block;
        spectrum_of_maps(&maps, arrays[0], start, count, spectrum, plane);
        for (int p = 0; p < POINTS; p++) {
            const float *kernel = kernels + p * in * down;
            multiply(&(Product){count, out, in, spectrum + p * plane, in, 1, kernel, down, products + p * out_plane, out, 0});
        }
        maps_of_spectrum(&made, arrays[3], start, count, products, out_plane, bias);
    }
    free(spectrum), free(products);
}

/* Parts first to last - 1. Arrays: maps; grad_out; kernels, POINTS x K x (C + gap); grad_maps, may be NULL; and for
 * each part: the gradient of the kernels' spectrum, as that is, and that of the bias. */
void blocks_backward(const Conv *g, int64_t first, int64_t last, void *const *arrays) {
    const float *kernels = arrays[2];
    float *grad_maps = arrays[3], *grads = arrays[4], *sums = arrays[5];
    const int64_t in = g->channels, out = g->out_channels, down = in + g->gap, size = out * down;
    const Shape maps = {g->height, g->width, in, g->pitch, g->taps};
    const Shape made = {g->height, g->width, out, g->out_pitch, g->taps};
    const int64_t block = tiles_at_once(g, &maps), plane = plane_of(block, in), out_plane = plane_of(block, out);
    float *spectrum = room(POINTS * plane), *spectrum_out = room(POINTS * out_plane), *framed = room(POINTS * out);
    for (int64_t part = first; part < last; part++) {
        const int64_t begin = g->images * part / g->parts, after = g->images * (part + 1) / g->parts;
        const int64_t end = after * num_tiles(&maps);
        float *grad = grads + part * POINTS * size, *sum = sums + part * out;
        memset(grad, 0, POINTS * size * sizeof *grad);
        memset(sum, 0, out * sizeof *sum);
        for (int64_t start = begin * num_tiles(&maps), count; start < end; start += count) {
            count = end - start < block ? end - start : block;
            spectrum_of_maps(&maps, arrays[0], start, count, spectrum, plane);
            spectrum_of_grad(&made, arrays[1], start, count, spectrum_out, out_plane, sum, framed);
            for (int p = 0; p < POINTS; p++) {
                const float *from = spectrum_out + p * out_plane;
                float *window = spectrum + p * plane;
                multiply(&(Product){out, in, count, from, 1, out, window, in, grad + p * size, down, 1});
                if (grad_maps != NULL)
                    multiply(&(Product){count, in, out, from, out, 1, kernels + p * size, down, window, in, 0});
            }
            if (grad_maps != NULL) grad_of_spectrum(&maps, grad_maps, start, count, spectrum, plane);
        }
    }
    free(spectrum), free(spectrum_out), free(framed);
}
