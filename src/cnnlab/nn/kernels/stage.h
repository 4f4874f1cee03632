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

enum { C_MAX = 1024, MARGIN = 64, MOST_PIXELS = 16 };
enum { WHERE = 3, STOPPED = 4, DROPPED = 8 }; /* bits of `place`: STOPPED by ReLU */

/* What is done, in one record, so that Python's side and this one name the same things. */
typedef struct {
    int64_t height, width, channels; /* of the convolution's maps */
    int64_t side;                    /* of the windows that are pooled: 2, or 1 where nothing is */
    int64_t below, above;            /* channels of a window beside its own; normalise only if >= 0 */
    double alpha, k;
    int64_t threshold; /* drop where the noise is below it, of 65,536 */
    double scale;      /* factor of what is kept */
} Stage;

/* Numbers from a pixel's channels to the next one's, in room for some. */
static inline int64_t line_of(const Stage *s) { return (s->channels + LANES - 1) / LANES * LANES; }

/* How many pixels are taken at once, one step after the other: what is written in one is read shifted in the next, for
 * which it must have left the processor. */
static inline int64_t pixels_at_once(const Stage *s, int64_t left) {
    const int64_t most = C_MAX / line_of(s) < MOST_PIXELS ? C_MAX / line_of(s) : MOST_PIXELS;
    return left < most ? left : most;
}

/* Zeros between the lines of squares, and before the first, into which windows reach. */
static inline int64_t margin_of(const Stage *s) {
    const int64_t reach = s->below > s->above ? s->below : s->above;
    return (reach + LANES - 1) / LANES * LANES;
}

/* Vectors of 16 registers are handed on in registers only so. */
#define HERE static inline __attribute__((always_inline))

#endif

typedef REAL NAME(Reals) __attribute__((vector_size(LANES * sizeof(REAL))));
typedef WHOLE NAME(Wholes) __attribute__((vector_size(LANES * sizeof(REAL))));

/* Room for some pixels, a line of channels for each. */
typedef struct {
    REAL squares[C_MAX + (MOST_PIXELS + 1) * MARGIN], around[C_MAX + (MOST_PIXELS + 1) * MARGIN];
    REAL v[C_MAX], top[C_MAX];
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

/* The same of what is read on the way back and not before. Past the cache only where lines hold whole vectors: a line
 * that is written in both ways is written twice. */
HERE void NAME(put_past)(const Stage *s, TYPE *to, int64_t left, NAME(Reals) v) {
    if (s->channels % LANES != 0) NAME(put)(to, left, v);
    else STORE_PAST(to, v);
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

/* The sum of v[-below .. above] for eight channels. Added up shift by shift, in two sums that need not wait for each
 * other: no differences, which would lose digits. */
HERE NAME(Reals) NAME(window)(const REAL *v, int64_t below, int64_t above) {
    NAME(Reals) sum = NAME(load)(v - below), other = {0};
    for (int64_t shift = 1 - below; shift <= above; shift++)
        if ((shift + below) % 2) other += NAME(load)(v + shift);
        else sum += NAME(load)(v + shift);
    return sum + other;
}

/* Calls a function with the windows of the AlexNets as constants, so that their sums are no loops. */
#define BY_WINDOW(function, ...)                                                                                  \
    if (s->below == 4 && s->above == 4) function(__VA_ARGS__, 4, 4);                                              \
    else if (s->below == 2 && s->above == 2) function(__VA_ARGS__, 2, 2);                                         \
    else function(__VA_ARGS__, s->below, s->above)

/* For each eight channels, from c on, of pixels 0 to count - 1: `i` in lines of channels, `w` in lines with margins,
 * `to` in the arrays, where `left` numbers are. */
#define EACH_EIGHT                                                                                                \
    for (int64_t pixel = 0; pixel < count; pixel++)                                                               \
        for (int64_t c = 0, i = pixel * line, w = margin + pixel * (line + margin), to = at + pixel * channels;   \
             c < channels; c += LANES, i += LANES, w += LANES, to += LANES)
#define LEFT (channels - c)

/* From the pooled values v of `count` pixels after ReLU to those of `out`; `at`: where the first begins in the arrays.
 * noise may be NULL: nothing is dropped. place may be NULL: there will be no way back. */
HERE void NAME(finish_by)(const Stage *s, NAME(Room) *room, const REAL *v, const uint8_t *where, int64_t count, int64_t at,
                          TYPE *out, TYPE *top, uint8_t *place, const uint16_t *noise, int64_t below, int64_t above) {
    const int64_t channels = s->channels, line = line_of(s), margin = margin_of(s);
    const REAL alpha = s->alpha, k = s->k, scale = s->scale;
    const WHOLE threshold = s->threshold;
    REAL *squares = room->squares;
    if (below >= 0) EACH_EIGHT {
        const NAME(Reals) value = NAME(load)(v + i);
        NAME(store)(squares + w, value * value);
        if (place != NULL) NAME(put_past)(s, top + to, LEFT, value);
    }
    EACH_EIGHT {
        NAME(Reals) value = NAME(load)(v + i);
        if (below >= 0) {
            const NAME(Reals) root = 1 / ROOTS(k + alpha * NAME(window)(squares + w, below, above));
            value *= root * ROOTS(root);
        }
        NAME(Wholes) drops = {0};
        if (noise != NULL) {
            drops = NAME(take_noise)(noise + to, LEFT) < threshold;
            value = NAME(choose)(drops, (NAME(Reals)){0}, value * scale);
        }
        if (place != NULL) NAME(put_bytes)(place + to, LEFT, NAME(take_bytes)(where + i, LANES) | (drops & DROPPED));
        NAME(put)(out + to, LEFT, value);
    }
}

static void NAME(finish)(const Stage *s, NAME(Room) *room, const REAL *v, const uint8_t *where, int64_t count, int64_t at,
                         TYPE *out, TYPE *top, uint8_t *place, const uint16_t *noise) {
    BY_WINDOW(NAME(finish_by), s, room, v, where, count, at, out, top, place, noise);
}

/* The way back: from the gradient of `out` to that of the maxima of `count` pixels, in v. */
HERE void NAME(begin_by)(const Stage *s, NAME(Room) *room, REAL *v, int64_t count, int64_t at, const TYPE *grad_out,
                         const TYPE *tops, const uint8_t *place, int64_t below, int64_t above) {
    const int64_t channels = s->channels, line = line_of(s), margin = margin_of(s);
    const REAL alpha = s->alpha, k = s->k, scale = s->scale, factor = (REAL)1.5 * alpha;
    REAL *squares = room->squares, *around = room->around, *top = room->top;
    const NAME(Reals) none = {0};
    const WHOLE stops = below >= 0 ? DROPPED : DROPPED | STOPPED;
    EACH_EIGHT {
        const NAME(Wholes) where = NAME(take_bytes)(place + to, LEFT);
        const NAME(Reals) grad = NAME(take)(grad_out + to, LEFT) * scale;
        NAME(store)(v + i, NAME(choose)((where & stops) != 0, none, grad));
        if (below >= 0) {
            const NAME(Reals) value = NAME(take)(tops + to, LEFT);
            NAME(store)(top + i, value);
            NAME(store)(squares + w, value * value);
        }
    }
    if (below < 0) return;
    EACH_EIGHT { /* the formula stands in lrn.py */
        const NAME(Reals) inverse = 1 / (k + alpha * NAME(window)(squares + w, below, above)), root = ROOTS(inverse);
        const NAME(Reals) grad = NAME(load)(v + i) * root * ROOTS(root);
        NAME(store)(v + i, grad);
        NAME(store)(around + w, grad * NAME(load)(top + i) * inverse);
    }
    EACH_EIGHT {
        const NAME(Wholes) where = NAME(take_bytes)(place + to, LEFT);
        const NAME(Reals) sum = NAME(window)(around + w, above, below);
        const NAME(Reals) grad = NAME(load)(v + i) - factor * NAME(load)(top + i) * sum;
        NAME(store)(v + i, NAME(choose)((where & STOPPED) != 0, none, grad));
    }
}

static void NAME(begin)(const Stage *s, NAME(Room) *room, REAL *v, int64_t count, int64_t at, const TYPE *grad_out,
                        const TYPE *tops, const uint8_t *place) {
    BY_WINDOW(NAME(begin_by), s, room, v, count, at, grad_out, tops, place);
}
