/* What follows a convolution in the AlexNets, in one pass over its maps: ReLU, pooling of 2x2 pixels or none, local
 * response normalisation with a power of 3/4, dropout; and the way back. What comes after pooling is in stage.h.
 *
 * Maps lie as N x H x W x C. This file is compiled once for each type of numbers: TYPE in memory, REAL in arithmetic.
 */
#ifndef TYPE

#include "vectors.h"

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
#define STORE_PAST store_past
#define ROOTS roots_of
#include "stage.c"

#define TYPE double
#define REAL double
#define WHOLE int64_t
#define NAME(verb) verb##_float64
#define LOAD load_double
#define STORE NAME(store)
#define STORE_PAST STORE
#define ROOTS roots_of_doubles
#include "stage.c"

#define TYPE uint16_t
#define REAL float
#define WHOLE int32_t
#define NAME(verb) verb##_bf16
#define LOAD widen
#define STORE narrow
#define STORE_PAST STORE
#define ROOTS roots_of
#include "stage.c"

#else

#include "stage.h"

/* ReLU and the largest of 2x2 maps, of output pixel (i, j) of an image. */
static inline void NAME(pool)(const Stage *s, const TYPE *maps, int64_t i, int64_t j, REAL *v, uint8_t *where) {
    /* Pixels that are not there are stood for by their neighbours, whose places they get. */
    const int there = (2 * j + 1 < s->width ? 1 : 0) | (2 * i + 1 < s->height ? 2 : 0);
    const int64_t channels = s->channels;
    const TYPE *pixels[4];
    for (int p = 0; p < 4; p++) {
        const int64_t y = 2 * i + ((p & there) >> 1), x = 2 * j + (p & there & 1);
        pixels[p] = maps + (y * s->width + x) * channels;
    }
    for (int64_t c = 0; c < channels; c += LANES) {
        NAME(Reals) top = NAME(take)(pixels[0] + c, LEFT);
        NAME(Wholes) place = {0};
        for (int p = 1; p < 4; p++) {
            /* As torch has it: the first of equals, and what is no number wins. */
            const NAME(Reals) value = NAME(take)(pixels[p] + c, LEFT);
            const NAME(Wholes) wins = (value > top) | (value != value);
            top = NAME(choose)(wins, value, top);
            place = (wins & (p & there)) | (place & ~wins);
        }
        const NAME(Wholes) stops = top <= 0; /* not what is no number */
        NAME(store)(v + c, NAME(choose)(top < 0, (NAME(Reals)){0}, top));
        NAME(put_bytes)(where + c, LANES, place | (stops & STOPPED));
    }
}

/* The same where nothing is pooled. */
static inline void NAME(rectify)(const Stage *s, const TYPE *pixel, REAL *v, uint8_t *where) {
    const int64_t channels = s->channels;
    for (int64_t c = 0; c < channels; c += LANES) {
        const NAME(Reals) value = NAME(take)(pixel + c, LEFT);
        NAME(store)(v + c, NAME(choose)(value < 0, (NAME(Reals)){0}, value));
        NAME(put_bytes)(where + c, LANES, (value <= 0) & STOPPED); /* not what is no number */
    }
}

/* Images first to last - 1. Arrays: maps, N x H x W x C; out, top, place, noise, N x H/side x W/side x C, halves rounded
 * up. noise may be NULL: nothing is dropped. place may be NULL: there will be no way back. top may be NULL where that
 * is so, or nothing is normalised. */
void NAME(forward)(const Stage *s, int64_t first, int64_t last, void *const *arrays) {
    const int64_t image = s->height * s->width * s->channels, line = line_of(s);
    const int64_t rows = (s->height + s->side - 1) / s->side, columns = (s->width + s->side - 1) / s->side;
    NAME(Room) room;
    memset(&room, 0, sizeof room);
    for (int64_t n = first; n < last; n++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0, count; j < columns; j += count) {
                const TYPE *maps = (const TYPE *)arrays[0] + n * image;
                const int64_t at = ((n * rows + i) * columns + j) * s->channels;
                count = pixels_at_once(s, columns - j);
                for (int64_t p = 0; p < count; p++)
                    if (s->side == 1)
                        NAME(rectify)(s, maps + (i * columns + j + p) * s->channels, room.v + p * line, room.where + p * line);
                    else
                        NAME(pool)(s, maps, i, j + p, room.v + p * line, room.where + p * line);
                NAME(finish)(s, &room, room.v, room.where, count, at, arrays[1], arrays[2], arrays[3], arrays[4]);
            }
    end_past();
}

/* The gradient of an image's maps, from that of their largest of output pixel (i, j). */
static inline void NAME(unpool)(const Stage *s, TYPE *maps, int64_t i, int64_t j, const REAL *v, const uint8_t *place) {
    const int64_t channels = s->channels;
    for (int p = 0; p < s->side * s->side; p++) {
        const int64_t y = s->side * i + (p >> 1), x = s->side * j + (p & 1);
        if (y >= s->height || x >= s->width) continue;
        TYPE *pixel = maps + (y * s->width + x) * channels;
        for (int64_t c = 0; c < channels; c += LANES) {
            const NAME(Wholes) where = NAME(take_bytes)(place + c, LEFT) & WHERE;
            NAME(put)(pixel + c, LEFT, NAME(choose)(where == p, NAME(load)(v + c), (NAME(Reals)){0}));
        }
    }
}

/* Arrays: grad_out, as out; grad_maps, as maps, every value of it is written; top, place. */
void NAME(backward)(const Stage *s, int64_t first, int64_t last, void *const *arrays) {
    const uint8_t *place = arrays[3];
    const int64_t image = s->height * s->width * s->channels, line = line_of(s);
    const int64_t rows = (s->height + s->side - 1) / s->side, columns = (s->width + s->side - 1) / s->side;
    NAME(Room) room;
    memset(&room, 0, sizeof room);
    for (int64_t n = first; n < last; n++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0, count; j < columns; j += count) {
                TYPE *grad_maps = (TYPE *)arrays[1] + n * image;
                const int64_t at = ((n * rows + i) * columns + j) * s->channels;
                count = pixels_at_once(s, columns - j);
                NAME(begin)(s, &room, room.v, count, at, arrays[0], arrays[2], place);
                for (int64_t p = 0; p < count; p++)
                    NAME(unpool)(s, grad_maps, i, j + p, room.v + p * line, place + at + p * s->channels);
            }
}

#include "type_ends.h"

#endif
