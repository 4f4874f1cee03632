/* What follows the pooling of a stage, one output pixel at a time: local response normalisation with a power of 3/4,
 * dropout; and the way back.
 *
 * Included once for each type of numbers: TYPE in memory, REAL in arithmetic, WHOLE of the same size as that. The
 * channels of a pixel, up to C_MAX of them, stay in the first cache; eight are taken at a time.
 *
 * `place` tells of each value where its maximum was, 0 to 3, and what lets no gradient through. The way back reads
 * that, and with normalisation the pooled maps (`top`); denominators are worked out again, which costs less than to
 * read them.
 */
#ifndef STAGE_H
#define STAGE_H

#include <math.h>

#include "vectors.h"

enum { C_MAX = 1024, MARGIN = 64 };
enum { WHERE = 3, STOPPED = 4, DROPPED = 8 }; /* bits of `place`: STOPPED by ReLU */

/* What is done, in one record, so that Python's side and this one name the same things. */
typedef struct {
    int64_t height, width, channels; /* of the convolution's maps */
    int64_t below, above;            /* channels of a window beside its own; normalise only if >= 0 */
    double alpha, k;
    int64_t threshold; /* drop where the noise is below it, of 65,536 */
    double scale;      /* factor of what is kept */
} Stage;

/* Vectors of 16 registers are handed on in registers only so. */
#define HERE static inline __attribute__((always_inline))

#endif

typedef REAL NAME(Reals) __attribute__((vector_size(LANES * sizeof(REAL))));
typedef WHOLE NAME(Wholes) __attribute__((vector_size(LANES * sizeof(REAL))));

/* Room for one pixel; squares and around have margins of zeros. */
typedef struct {
    REAL squares[C_MAX + 2 * MARGIN], around[C_MAX + 2 * MARGIN], v[C_MAX], top[C_MAX];
    uint8_t where[C_MAX];
} NAME(Room);

HERE NAME(Reals) NAME(load)(const REAL *from) {
    NAME(Reals) v;
    memcpy(&v, from, sizeof v);
    return v;
}

HERE void NAME(store)(REAL *to, NAME(Reals) v) { memcpy(to, &v, sizeof v); }

/* Eight numbers in memory, or the `left` that there are. */
HERE NAME(Reals) NAME(take)(const TYPE *from, int64_t left) {
    TYPE some[LANES] = {0};
    return LOAD(left < LANES ? memcpy(some, from, left * sizeof *from) : from);
}

HERE void NAME(put)(TYPE *to, int64_t left, NAME(Reals) v) {
    TYPE some[LANES];
    STORE(left < LANES ? some : to, v);
    if (left < LANES) memcpy(to, some, left * sizeof *to);
}

HERE NAME(Wholes) NAME(take_bytes)(const uint8_t *from, int64_t left) {
    uint8_t some[LANES] = {0};
    const Ints v = load_bytes(left < LANES ? memcpy(some, from, left) : from);
    return __builtin_convertvector(v, NAME(Wholes));
}

HERE void NAME(put_bytes)(uint8_t *to, int64_t left, NAME(Wholes) v) {
    uint8_t some[LANES];
    store_bytes(left < LANES ? some : to, __builtin_convertvector(v, Ints));
    if (left < LANES) memcpy(to, some, left);
}

HERE NAME(Wholes) NAME(take_noise)(const uint16_t *from, int64_t left) {
    uint16_t some[LANES] = {0};
    const Ints v = load_shorts(left < LANES ? memcpy(some, from, left * sizeof *from) : from);
    return __builtin_convertvector(v, NAME(Wholes));
}

HERE NAME(Reals) NAME(choose)(NAME(Wholes) mask, NAME(Reals) yes, NAME(Reals) no) {
    return (NAME(Reals))(((NAME(Wholes))yes & mask) | ((NAME(Wholes))no & ~mask));
}

/* The sum of v[-below .. above] for eight channels. Added up shift by shift: no differences, which would lose
 * digits. */
HERE NAME(Reals) NAME(window)(const REAL *v, int64_t below, int64_t above) {
    NAME(Reals) sum = NAME(load)(v - below);
    for (int64_t shift = 1 - below; shift <= above; shift++) sum += NAME(load)(v + shift);
    return sum;
}

/* From the pooled values v after ReLU to those of `out`; `at`: where the pixel begins in the arrays. noise may be
 * NULL: nothing is dropped. place may be NULL: there will be no way back. */
static inline void NAME(finish)(const Stage *s, NAME(Room) *room, const REAL *v, const uint8_t *where, int64_t at,
                                TYPE *out, TYPE *top, uint8_t *place, const uint16_t *noise) {
    const int64_t channels = s->channels;
    const REAL alpha = s->alpha, k = s->k, scale = s->scale;
    const WHOLE threshold = s->threshold;
    REAL *squares = room->squares + MARGIN;
    if (s->below >= 0)
        for (int64_t c = 0; c < channels; c += LANES) {
            const NAME(Reals) value = NAME(load)(v + c);
            NAME(store)(squares + c, value * value);
            if (place != NULL) NAME(put)(top + at + c, channels - c, value);
        }
    for (int64_t c = 0; c < channels; c += LANES) {
        NAME(Reals) value = NAME(load)(v + c);
        if (s->below >= 0) {
            const NAME(Reals) root = 1 / ROOTS(k + alpha * NAME(window)(squares + c, s->below, s->above));
            value *= root * ROOTS(root);
        }
        NAME(Wholes) drops = {0};
        if (noise != NULL) {
            drops = NAME(take_noise)(noise + at + c, channels - c) < threshold;
            value = NAME(choose)(drops, (NAME(Reals)){0}, value * scale);
        }
        if (place != NULL)
            NAME(put_bytes)(place + at + c, channels - c, NAME(take_bytes)(where + c, LANES) | (drops & DROPPED));
        NAME(put)(out + at + c, channels - c, value);
    }
}

/* The way back: from the gradient of `out` to that of the maxima, in v. */
static inline void NAME(begin)(const Stage *s, NAME(Room) *room, REAL *v, int64_t at, const TYPE *grad_out,
                               const TYPE *tops, const uint8_t *place) {
    const int64_t channels = s->channels;
    const REAL alpha = s->alpha, k = s->k, scale = s->scale, factor = (REAL)1.5 * alpha;
    const int64_t below = s->below, above = s->above;
    REAL *squares = room->squares + MARGIN, *around = room->around + MARGIN, *top = room->top;
    const NAME(Reals) none = {0};
    const WHOLE stops = below >= 0 ? DROPPED : DROPPED | STOPPED;
    for (int64_t c = 0; c < channels; c += LANES) {
        const NAME(Wholes) where = NAME(take_bytes)(place + at + c, channels - c);
        NAME(store)(v + c, NAME(choose)((where & stops) != 0, none, NAME(take)(grad_out + at + c, channels - c) * scale));
        if (below >= 0) {
            const NAME(Reals) value = NAME(take)(tops + at + c, channels - c);
            NAME(store)(top + c, value);
            NAME(store)(squares + c, value * value);
        }
    }
    if (below < 0) return;
    for (int64_t c = 0; c < channels; c += LANES) { /* the formula stands in lrn.py */
        const NAME(Reals) inverse = 1 / (k + alpha * NAME(window)(squares + c, below, above)), root = ROOTS(inverse);
        const NAME(Reals) grad = NAME(load)(v + c) * root * ROOTS(root);
        NAME(store)(v + c, grad);
        NAME(store)(around + c, grad * NAME(load)(top + c) * inverse);
    }
    for (int64_t c = 0; c < channels; c += LANES) {
        const NAME(Wholes) where = NAME(take_bytes)(place + at + c, channels - c);
        const NAME(Reals) grad = NAME(load)(v + c) - factor * NAME(load)(top + c) * NAME(window)(around + c, above, below);
        NAME(store)(v + c, NAME(choose)((where & STOPPED) != 0, none, grad));
    }
}
