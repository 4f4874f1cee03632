/* Winograd's convolution of 3x3 of a block of images after the other, transforms and products together, as
 * winograd_blocks.c does it, in tiles that fit maps whose sides are no multiples of 4. */
#include "product.h"
#include "winograd_fitted.h"

enum { C_MAX = 2048 };

typedef struct {
    int64_t images, height, width, channels, out_channels;
    int64_t pitch, out_pitch; /* numbers from pixel to pixel, of which these channels are a part */
    int64_t block;            /* images at once */
    int64_t gap;   /* numbers behind each line and plane of kernels, so that they do not take each other's place */
    int64_t parts; /* into which the images are divided on the way back */
} Conv;

static const float zeros[C_MAX];

static inline Shape maps_of(const Conv *g) { return (Shape){g->height, g->width, g->channels, g->pitch}; }
static inline Shape made_of(const Conv *g) { return (Shape){g->height, g->width, g->out_channels, g->out_pitch}; }

/* From one plane of a block to the next. */
static inline int64_t plane_of(const Conv *g, const Shape *s) {
    return g->block * num_tiles(s) * line_of(s) + 2 * LANES;
}

/* Both ways need these, and they are long. */
static __attribute__((noinline)) void windows_of(const Shape *s, const float *maps, int64_t start, int64_t images,
                                                 float *spectrum, int64_t plane, float *framed) {
    EACH_TILE(s, start, images, window_of_tile, maps, &tile, spectrum + at, plane, framed)
}

/* Images first to last - 1. Arrays: maps; kernels, POINTS x C x (K + gap); bias, may be NULL; out. */
void fitted_forward(const Conv *g, int64_t first, int64_t last, void *const *arrays) {
    const float *kernels = arrays[1], *bias = arrays[2] != NULL ? arrays[2] : zeros;
    const int64_t in = g->channels, out = g->out_channels, down = out + g->gap;
    const Shape maps = maps_of(g), made = made_of(g);
    const int64_t plane = plane_of(g, &maps), line = line_of(&maps);
    const int64_t out_plane = plane_of(g, &made), out_line = line_of(&made);
    float *spectrum = room(POINTS * plane), *products = room(POINTS * out_plane), *framed = room(POINTS * in);
    for (int64_t start = first, count; start < last; start += count) {
        count = last - start < g->block ? last - start : g->block;
        windows_of(&maps, arrays[0], start, count, spectrum, plane, framed);
        for (int p = 0; p < POINTS; p++) {
            const Lines lines = lines_of(&maps, count, p);
            const float *kernel = kernels + p * (in * down + g->gap), *left = spectrum + p * plane + lines.start * line;
            float *to = products + p * out_plane + lines.start * out_line;
            multiply(&(Product){lines.count, out, in, left, line, 1, kernel, down, to, out_line, 0});
        }
        EACH_TILE(&made, start, count, outputs_of_tile, arrays[3], &tile, products + at, out_plane, bias)
    }
    free(spectrum), free(products), free(framed);
}

/* Parts first to last - 1. Arrays: maps; grad_out; kernels, POINTS x K x (C + gap); grad_maps, may be NULL; and for
 * each part: the gradient of the kernels' spectrum, as that is, and that of the bias. */
void fitted_backward(const Conv *g, int64_t first, int64_t last, void *const *arrays) {
    const float *kernels = arrays[2];
    float *grad_maps = arrays[3], *grads = arrays[4], *sums = arrays[5];
    const int64_t in = g->channels, out = g->out_channels, down = in + g->gap, size = out * down + g->gap;
    const Shape maps = maps_of(g), made = made_of(g);
    const int64_t plane = plane_of(g, &maps), line = line_of(&maps), image = g->height * g->width;
    const int64_t out_plane = plane_of(g, &made), out_line = line_of(&made);
    float *spectrum = room(POINTS * plane), *spectrum_out = room(POINTS * out_plane), *framed = room(POINTS * in);
    for (int64_t part = first; part < last; part++) {
        const int64_t begin = g->images * part / g->parts, end = g->images * (part + 1) / g->parts;
        float *grad = grads + part * POINTS * size, *sum = sums + part * out;
        memset(grad, 0, POINTS * size * sizeof *grad);
        memset(sum, 0, out * sizeof *sum);
        for (int64_t start = begin, count; start < end; start += count) {
            count = end - start < g->block ? end - start : g->block;
            windows_of(&maps, arrays[0], start, count, spectrum, plane, framed);
            EACH_TILE(&made, start, count, grad_of_tile, arrays[1], &tile, spectrum_out + at, out_plane, sum)
            for (int p = 0; p < POINTS; p++) {
                const Lines lines = lines_of(&maps, count, p);
                const float *from = spectrum_out + p * out_plane + lines.start * out_line;
                float *window = spectrum + p * plane + lines.start * line;
                multiply(&(Product){out, in, lines.count, from, 1, out_line, window, line, grad + p * size, down, 1});
                if (grad_maps != NULL)
                    multiply(&(Product){lines.count, in, out, from, out_line, 1, kernels + p * size, down, window, line, 0});
            }
            if (grad_maps == NULL) continue;
            for (int64_t pixel = start * image; pixel < (start + count) * image; pixel++)
                memset(grad_maps + pixel * g->pitch, 0, in * sizeof *grad_maps);
            EACH_TILE(&maps, start, count, add_window_of_tile, grad_maps, &tile, spectrum + at, plane)
        }
    }
    free(spectrum), free(spectrum_out), free(framed);
}
