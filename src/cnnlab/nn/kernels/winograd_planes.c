/* Winograd's transforms, one after the other: for convolutions of so many channels that their products are best
 * left to a library, and for the kernels of all. */
#include "winograd.h"

enum { C_MAX = 2048 };

typedef struct {
    Shape shape;  /* of the maps */
    int64_t rows; /* of one plane of the spectrum */
} Tiling;

typedef struct {
    int64_t channels, taps;
    int64_t row, plane; /* numbers from row to row, and from plane to plane */
    int64_t parts;      /* of the gradient, to be added up */
    int64_t num;        /* kernels, where lines of their spectrum are of one channel of all kernels; else 0 */
} Kernels;

static const float zeros[C_MAX];

#define START                                                                                     \
    const int64_t channels = t->shape.channels, plane = t->rows * channels;                       \
    const int64_t tiles = num_tiles(&t->shape), start = first * tiles, count = last * tiles - start

/* Images first to last - 1. Arrays: maps; spectrum. */
void maps_to_spectrum(const Tiling *t, int64_t first, int64_t last, void *const *arrays) {
    START;
    float *spectrum = arrays[1];
    spectrum_of_maps(&t->shape, arrays[0], NULL, start, count, spectrum + start * channels, plane);
}

/* Images first to last - 1. Arrays: maps; spectrum; bias, may be NULL. */
void spectrum_to_maps(const Tiling *t, int64_t first, int64_t last, void *const *arrays) {
    START;
    const float *spectrum = arrays[1];
    const float *bias = arrays[2] != NULL ? arrays[2] : zeros;
    maps_of_spectrum(&t->shape, arrays[0], start, count, spectrum + start * channels, plane, bias);
}

/* Images first to last - 1. Arrays: gradient of what was convolved; spectrum. Its plane SIDE + 1 holds the sum of
 * each tile. */
void grad_to_spectrum(const Tiling *t, int64_t first, int64_t last, void *const *arrays) {
    START;
    float *framed = room(POINTS * channels), *spectrum = arrays[1];
    const float *far[] = {arrays[0], NULL};
    spectrum_of_grad(&t->shape, arrays[0], start, count, spectrum + start * channels, plane, NULL, framed, far);
    free(framed);
}

/* Images first to last - 1. Arrays: gradient of the maps; spectrum. */
void spectrum_to_grad(const Tiling *t, int64_t first, int64_t last, void *const *arrays) {
    START;
    const float *spectrum = arrays[1];
    grad_of_spectrum(&t->shape, arrays[0], start, count, spectrum + start * channels, plane);
}

/* The same number of LANES kernels. */
static inline Lanes one_of_each(const float *from, int64_t by) {
    return (Lanes){from[0],      from[by],     from[2 * by], from[3 * by],
                   from[4 * by], from[5 * by], from[6 * by], from[7 * by]};
}

KNOWN void spectra_of_kernels(const Kernels *k, int64_t first, int64_t last, void *const *arrays, int taps) {
    const float *kernels = arrays[0];
    float *spectrum = arrays[1];
    const int64_t channels = k->channels, kernel = taps * taps * channels, numbers = k->num ? k->num : channels;
    for (int64_t row = first; row < last; row++)
        for (int64_t c = 0; c < numbers; c += LANES) {
            Lanes g[MOST_TAPS * MOST_TAPS], half[MOST_TAPS * SIDE], v[SIDE];
            UNROLL for (int p = 0; p < taps * taps; p++) {
                const float *of = kernels + (k->num ? c * kernel + p * channels + row : row * kernel + p * channels + c);
                g[p] = k->num ? one_of_each(of, kernel) : load(of);
            }
            UNROLL for (int i = 0; i < taps; i++) kernel_to_spectrum(g + taps * i, 1, half + i, taps, taps);
            UNROLL for (int j = 0; j < SIDE; j++) {
                kernel_to_spectrum(half + taps * j, 1, v, 1, taps);
                UNROLL for (int i = 0; i < SIDE; i++)
                    store(spectrum + (SIDE * i + j) * k->plane + row * k->row + c, v[i]);
            }
        }
}

/* Kernels, or channels, first to last - 1. Arrays: kernels, K x taps x taps x C; spectrum, G kernels Gt: a row for
 * each. */
void kernels_to_spectrum(const Kernels *k, int64_t first, int64_t last, void *const *arrays) {
    if (k->taps == 3)
        spectra_of_kernels(k, first, last, arrays, 3);
    else
        spectra_of_kernels(k, first, last, arrays, 5);
}

KNOWN void kernels_of_spectra(const Kernels *k, int64_t first, int64_t last, void *const *arrays, int taps) {
    float *grad = arrays[0];
    const float *spectrum = arrays[1];
    const int64_t channels = k->channels;
    for (int64_t row = first; row < last; row++)
        for (int64_t c = 0; c < channels; c += LANES) {
            Lanes v[POINTS], half[MOST_TAPS * SIDE], g[MOST_TAPS * MOST_TAPS];
            for (int p = 0; p < POINTS; p++) v[p] = load(spectrum + p * k->plane + row * k->row + c);
            for (int64_t part = 1; part < k->parts; part++)
                for (int p = 0; p < POINTS; p++)
                    v[p] += load(spectrum + (part * POINTS + p) * k->plane + row * k->row + c);
            for (int j = 0; j < SIDE; j++) spectrum_to_kernel(v + j, SIDE, half + j, SIDE, taps);
            for (int i = 0; i < taps; i++) spectrum_to_kernel(half + SIDE * i, 1, g + taps * i, 1, taps);
            for (int p = 0; p < taps * taps; p++) store(grad + (row * taps * taps + p) * channels + c, g[p]);
        }
}

/* The transpose: Gt spectrum G, of the sum of all parts. */
void spectrum_to_kernels(const Kernels *k, int64_t first, int64_t last, void *const *arrays) {
    if (k->taps == 3)
        kernels_of_spectra(k, first, last, arrays, 3);
    else
        kernels_of_spectra(k, first, last, arrays, 5);
}
