/* What follows a convolution in the AlexNets, in one pass over its maps: ReLU, pooling of 2x2 pixels, local
 * response normalisation with a power of 3/4, dropout; and the way back.
 *
 * Maps lie as N x H x W x C. One output pixel at a time: its channels, up to C_MAX of them, stay in the first
 * cache. This file is compiled once for each type of numbers: TYPE in memory, REAL in arithmetic.
 *
 * The pooled maps (`top`) and the place of each maximum (`place`, 0 to 3) are all that the way back needs; the
 * denominators are worked out again, which costs less than to read them.
 */
#ifndef TYPE

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { C_MAX = 1024, MARGIN = 64 };

/* What is done, in one record, so that Python's side and this one name the same things. */
typedef struct {
    int64_t height, width, channels; /* of the convolution's maps */
    int64_t below, above;            /* channels of a window beside its own; normalise only if >= 0 */
    double alpha, k;
    int64_t threshold; /* drop where the noise is below it, of 65,536 */
    double scale;      /* factor of what is kept */
} Stage;

static inline float from_bf16(uint16_t v) {
    uint32_t bits = (uint32_t)v << 16;
    float real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

/* Nearest, ties to even; what is no number stays none. */
static inline uint16_t to_bf16(float real) {
    uint32_t bits;
    memcpy(&bits, &real, sizeof bits);
    uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    return real != real ? 0x7FC0 : rounded;
}

#define TYPE float
#define REAL float
#define NAME(verb) verb##_float32
#define LOAD(v) (v)
#define STORE(v) (v)
#define SQRT sqrtf
#include "stage.c"

#define TYPE double
#define REAL double
#define NAME(verb) verb##_float64
#define LOAD(v) (v)
#define STORE(v) (v)
#define SQRT sqrt
#include "stage.c"

#define TYPE uint16_t
#define REAL float
#define NAME(verb) verb##_bf16
#define LOAD(v) from_bf16(v)
#define STORE(v) to_bf16(v)
#define SQRT sqrtf
#include "stage.c"

#else

/* out[c] = sum of v[c - below .. c + above]; v has margins of zeros. Added up shift by shift: no differences,
 * which would lose digits. */
static inline void NAME(window)(const REAL *restrict v, REAL *restrict out, int64_t channels, int64_t below,
                                int64_t above) {
    for (int64_t c = 0; c < channels; c++) out[c] = v[c - below];
    for (int64_t shift = 1 - below; shift <= above; shift++)
        for (int64_t c = 0; c < channels; c++) out[c] += v[c + shift];
}

/* Images first to last - 1. Arrays: maps, N x H x W x C; out, top, place, noise, N x H/2 x W/2 x C, halves rounded
 * up. noise may be NULL: nothing is dropped. place may be NULL: there will be no way back. */
void NAME(forward)(const Stage *s, int64_t first, int64_t last, void *const *arrays) {
    const TYPE *restrict maps = arrays[0];
    TYPE *restrict out = arrays[1], *restrict top = arrays[2];
    uint8_t *restrict place = arrays[3];
    const uint16_t *restrict noise = arrays[4];
    const int64_t height = s->height, width = s->width, channels = s->channels;
    const int64_t rows = (height + 1) / 2, columns = (width + 1) / 2;
    const REAL alpha = s->alpha, k = s->k, scale = s->scale;
    const int32_t threshold = s->threshold;
    REAL padded[C_MAX + 2 * MARGIN], largest[C_MAX], sums[C_MAX];
    REAL *squares = padded + MARGIN;
    uint8_t places[C_MAX];
    memset(padded, 0, sizeof padded);
    for (int64_t n = first; n < last; n++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                const TYPE *corner = maps + ((n * height + 2 * i) * width + 2 * j) * channels;
                const int64_t at = ((n * rows + i) * columns + j) * channels;
                for (int64_t c = 0; c < channels; c++) {
                    largest[c] = LOAD(corner[c]);
                    places[c] = 0;
                }
                for (int p = 1; p < 4; p++) {
                    if ((p & 1 && 2 * j + 1 == width) || (p & 2 && 2 * i + 1 == height)) continue;
                    const TYPE *pixel = corner + ((p >> 1) * width + (p & 1)) * channels;
                    for (int64_t c = 0; c < channels; c++) {
                        const REAL v = LOAD(pixel[c]);
                        /* As torch has it: the first of equals, and what is no number wins. */
                        const int wins = (v > largest[c]) | (v != v);
                        largest[c] = wins ? v : largest[c];
                        places[c] = wins ? p : places[c];
                    }
                }
                for (int64_t c = 0; c < channels; c++) {
                    largest[c] = largest[c] < 0 ? 0 : largest[c];
                    squares[c] = largest[c] * largest[c];
                }
                if (place != NULL) {
                    memcpy(place + at, places, channels);
                    for (int64_t c = 0; c < channels; c++) top[at + c] = STORE(largest[c]);
                }
                if (s->below >= 0) {
                    NAME(window)(squares, sums, channels, s->below, s->above);
                    for (int64_t c = 0; c < channels; c++) {
                        const REAL root = 1 / SQRT(k + alpha * sums[c]);
                        largest[c] *= root * SQRT(root);
                    }
                }
                if (noise != NULL)
                    for (int64_t c = 0; c < channels; c++)
                        largest[c] = noise[at + c] >= threshold ? largest[c] * scale : 0;
                for (int64_t c = 0; c < channels; c++) out[at + c] = STORE(largest[c]);
            }
}

/* Arrays: grad_out, as out; grad_maps, as maps, every value of it is written; top, place, noise. */
void NAME(backward)(const Stage *s, int64_t first, int64_t last, void *const *arrays) {
    const TYPE *restrict grad_out = arrays[0], *restrict top = arrays[2];
    TYPE *restrict grad_maps = arrays[1];
    const uint8_t *restrict place = arrays[3];
    const uint16_t *restrict noise = arrays[4];
    const int64_t height = s->height, width = s->width, channels = s->channels;
    const int64_t rows = (height + 1) / 2, columns = (width + 1) / 2;
    const REAL alpha = s->alpha, k = s->k, scale = s->scale;
    const int32_t threshold = s->threshold;
    REAL padded[2][C_MAX + 2 * MARGIN], grad[C_MAX], largest[C_MAX], sums[C_MAX];
    REAL *squares = padded[0] + MARGIN, *around = padded[1] + MARGIN;
    memset(padded, 0, sizeof padded);
    for (int64_t n = first; n < last; n++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                TYPE *corner = grad_maps + ((n * height + 2 * i) * width + 2 * j) * channels;
                const int64_t at = ((n * rows + i) * columns + j) * channels;
                for (int64_t c = 0; c < channels; c++) {
                    grad[c] = LOAD(grad_out[at + c]);
                    largest[c] = LOAD(top[at + c]);
                }
                if (noise != NULL)
                    for (int64_t c = 0; c < channels; c++)
                        grad[c] = noise[at + c] >= threshold ? grad[c] * scale : 0;
                if (s->below >= 0) { /* the formula stands in lrn.py */
                    for (int64_t c = 0; c < channels; c++) squares[c] = largest[c] * largest[c];
                    NAME(window)(squares, sums, channels, s->below, s->above);
                    for (int64_t c = 0; c < channels; c++) {
                        const REAL inverse = 1 / (k + alpha * sums[c]), root = SQRT(inverse);
                        grad[c] *= root * SQRT(root);
                        around[c] = grad[c] * largest[c] * inverse;
                    }
                    NAME(window)(around, sums, channels, s->above, s->below);
                    for (int64_t c = 0; c < channels; c++)
                        grad[c] -= (REAL)1.5 * alpha * largest[c] * sums[c];
                }
                /* what is no number passes it on, as torch does */
                for (int64_t c = 0; c < channels; c++) grad[c] = largest[c] <= 0 ? 0 : grad[c];
                for (int p = 0; p < 4; p++) {
                    if ((p & 1 && 2 * j + 1 == width) || (p & 2 && 2 * i + 1 == height)) continue;
                    TYPE *pixel = corner + ((p >> 1) * width + (p & 1)) * channels;
                    for (int64_t c = 0; c < channels; c++)
                        pixel[c] = STORE(place[at + c] == p ? grad[c] : 0);
                }
            }
}

#undef TYPE
#undef REAL
#undef NAME
#undef LOAD
#undef STORE
#undef SQRT

#endif
