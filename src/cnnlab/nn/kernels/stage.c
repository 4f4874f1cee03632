/* What follows a convolution in the AlexNets, in one pass over its maps: ReLU, pooling of 2x2 pixels, local
 * response normalisation with a power of 3/4, dropout; and the way back. What comes after pooling is in stage.h.
 *
 * Maps lie as N x H x W x C. This file is compiled once for each type of numbers: TYPE in memory, REAL in arithmetic.
 */
#ifndef TYPE

#include "vectors.h"

static inline Lanes widen(const uint16_t *from) { return (Lanes)(load_shorts(from) << 16); }

/* Nearest, ties to even; what is no number stays none. */
static inline void narrow(uint16_t *to, Lanes v) {
    const Ints bits = (Ints)v, isnt = v != v;
    const Ints rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    store_shorts(to, ((rounded & ~isnt) | (0x7FC0 & isnt)) & 0xFFFF);
}

typedef double Doubles __attribute__((vector_size(sizeof(double) * LANES)));

static inline __attribute__((always_inline)) Doubles load_double(const double *from) {
    Doubles v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline __attribute__((always_inline)) Doubles roots_of_doubles(Doubles v) {
    for (int n = 0; n < LANES; n++) v[n] = sqrt(v[n]);
    return v;
}

#define TYPE float
#define REAL float
#define WHOLE int32_t
#define NAME(verb) verb##_float32
#define LOAD load
#define STORE store
#define ROOTS roots_of
#include "stage.c"

#define TYPE double
#define REAL double
#define WHOLE int64_t
#define NAME(verb) verb##_float64
#define LOAD load_double
#define STORE NAME(store)
#define ROOTS roots_of_doubles
#include "stage.c"

#define TYPE uint16_t
#define REAL float
#define WHOLE int32_t
#define NAME(verb) verb##_bf16
#define LOAD widen
#define STORE narrow
#define ROOTS roots_of
#include "stage.c"

#else

#include "stage.h"

/* Images first to last - 1. Arrays: maps, N x H x W x C; out, top, place, noise, N x H/2 x W/2 x C, halves rounded
 * up. noise may be NULL: nothing is dropped. place may be NULL: there will be no way back. top may be NULL where that
 * is so, or nothing is normalised. */
void NAME(forward)(const Stage *s, int64_t first, int64_t last, void *const *arrays) {
    const TYPE *maps = arrays[0];
    const int64_t height = s->height, width = s->width, channels = s->channels;
    const int64_t rows = (height + 1) / 2, columns = (width + 1) / 2;
    NAME(Room) room;
    memset(&room, 0, sizeof room);
    for (int64_t n = first; n < last; n++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                /* Pixels that are not there are stood for by their neighbours, whose places they get. */
                const int there = (2 * j + 1 < width ? 1 : 0) | (2 * i + 1 < height ? 2 : 0);
                const TYPE *pixels[4];
                for (int p = 0; p < 4; p++) {
                    const int64_t y = 2 * i + ((p & there) >> 1), x = 2 * j + (p & there & 1);
                    pixels[p] = maps + ((n * height + y) * width + x) * channels;
                }
                for (int64_t c = 0; c < channels; c += LANES) {
                    NAME(Reals) top = NAME(take)(pixels[0] + c, channels - c);
                    NAME(Wholes) place = {0};
                    for (int p = 1; p < 4; p++) {
                        /* As torch has it: the first of equals, and what is no number wins. */
                        const NAME(Reals) value = NAME(take)(pixels[p] + c, channels - c);
                        const NAME(Wholes) wins = (value > top) | (value != value);
                        top = NAME(choose)(wins, value, top);
                        place = (wins & (p & there)) | (place & ~wins);
                    }
                    const NAME(Wholes) stops = top <= 0; /* not what is no number */
                    NAME(store)(room.v + c, NAME(choose)(top < 0, (NAME(Reals)){0}, top));
                    NAME(put_bytes)(room.where + c, LANES, place | (stops & STOPPED));
                }
                const int64_t at = ((n * rows + i) * columns + j) * channels;
                NAME(finish)(s, &room, room.v, room.where, at, arrays[1], arrays[2], arrays[3], arrays[4]);
            }
}

/* Arrays: grad_out, as out; grad_maps, as maps, every value of it is written; top, place. */
void NAME(backward)(const Stage *s, int64_t first, int64_t last, void *const *arrays) {
    TYPE *grad_maps = arrays[1];
    const uint8_t *place = arrays[3];
    const int64_t height = s->height, width = s->width, channels = s->channels;
    const int64_t rows = (height + 1) / 2, columns = (width + 1) / 2;
    NAME(Room) room;
    memset(&room, 0, sizeof room);
    for (int64_t n = first; n < last; n++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                const int64_t at = ((n * rows + i) * columns + j) * channels;
                NAME(begin)(s, &room, room.v, at, arrays[0], arrays[2], arrays[3]);
                for (int p = 0; p < 4; p++) {
                    const int64_t y = 2 * i + (p >> 1), x = 2 * j + (p & 1);
                    if (y >= height || x >= width) continue;
                    TYPE *pixel = grad_maps + ((n * height + y) * width + x) * channels;
                    for (int64_t c = 0; c < channels; c += LANES) {
                        const NAME(Wholes) where = NAME(take_bytes)(place + at + c, channels - c) & WHERE;
                        const NAME(Reals) grad = NAME(load)(room.v + c);
                        NAME(put)(pixel + c, channels - c, NAME(choose)(where == p, grad, (NAME(Reals)){0}));
                    }
                }
            }
}

#undef TYPE
#undef REAL
#undef WHOLE
#undef NAME
#undef LOAD
#undef STORE
#undef ROOTS

#endif
