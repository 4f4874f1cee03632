/* The largest of each window of maps, and the way back. C is a multiple of LANES.
 *
 * What looks at maps is compiled once for each type of theirs: TYPE in memory, float in arithmetic. */
#ifndef TYPE

#include "vectors.h"

/* For functions of numbers that are known where they are called. */
#define KNOWN static inline __attribute__((always_inline))

typedef struct {
    int64_t height, width, channels, out_height, out_width;
    int64_t side, stride, pad; /* of windows */
} Pool;

/* A window: where it begins, and which of its lines and columns are there. */
typedef struct {
    int64_t y, x, begin_y, end_y, begin_x, end_x;
} Window;

static inline Window window_of(const Pool *g, int64_t i, int64_t j) {
    const int64_t y = i * g->stride - g->pad, x = j * g->stride - g->pad;
    const int64_t end_y = g->height - y < g->side ? g->height - y : g->side;
    const int64_t end_x = g->width - x < g->side ? g->width - x : g->side;
    return (Window){y, x, y < 0 ? -y : 0, end_y, x < 0 ? -x : 0, end_x};
}

static inline int is_whole(const Window *w, int64_t side) {
    return w->begin_y == 0 && w->begin_x == 0 && w->end_y == side && w->end_x == side;
}

/* To the gradient of a pixel, that of a window if it was the largest there. Windows that do not overlap write it. */
KNOWN void give(float *to, int32_t here, Lanes grad, Ints where, int is_alone) {
    const Lanes share = (Lanes)((Ints)grad & (where == here));
    store(to, is_alone ? share : load(to) + share);
}

#define TYPE float
#define NAME(verb) verb##_float32
#define LOAD load
#define STORE store
#define STORE_AS_IT_WAS store
#include "pool.c"

#define TYPE uint16_t
#define NAME(verb) verb##_bf16
#define LOAD widen
#define STORE narrow
#define STORE_AS_IT_WAS halve
#include "pool.c"

#else

/* As torch has it: the first of equals, and what is no number wins. */
KNOWN void NAME(take_larger)(const TYPE *from, int32_t here, Lanes *top, Ints *place) {
    const Lanes v = LOAD(from);
    const Ints wins = (v > *top) | (v != v);
    *top = choose(wins, v, *top);
    *place = (wins & here) | (*place & ~wins);
}

/* `at`: the window's first pixel; `place` may be NULL. With a side that is known all of the window is there. */
KNOWN void NAME(pool_window)(const Pool *g, const Window *w, const TYPE *at, TYPE *out, uint8_t *place, int side) {
    const int64_t channels = g->channels, line = g->width * channels;
    const int64_t first_y = side ? 0 : w->begin_y, first_x = side ? 0 : w->begin_x;
    for (int64_t c = 0; c < channels; c += LANES) {
        const TYPE *from = at + c;
        Lanes top = LOAD(from + first_y * line + first_x * channels);
        Ints where = {0};
        where += (int32_t)(first_y * g->side + first_x);
        if (side) {
            UNROLL for (int p = 1; p < side * side; p++)
                NAME(take_larger)(from + p / side * line + p % side * channels, p, &top, &where);
        } else {
            for (int64_t dy = w->begin_y; dy < w->end_y; dy++)
                for (int64_t dx = w->begin_x; dx < w->end_x; dx++)
                    NAME(take_larger)(from + dy * line + dx * channels, dy * g->side + dx, &top, &where);
        }
        STORE_AS_IT_WAS(out + c, top);
        if (place != NULL) store_bytes(place + c, where);
    }
}

/* Images first to last - 1. Arrays: maps; out; place, as out: which pixel of its window is the largest, line after
 * line; may be NULL. */
void NAME(pool_forward)(const Pool *g, int64_t first, int64_t last, void *const *arrays) {
    const int64_t channels = g->channels, line = g->width * channels;
    for (int64_t n = first; n < last; n++)
        for (int64_t i = 0; i < g->out_height; i++)
            for (int64_t j = 0; j < g->out_width; j++) {
                const Window w = window_of(g, i, j);
                const int64_t to = ((n * g->out_height + i) * g->out_width + j) * channels;
                const TYPE *at = (const TYPE *)arrays[0] + (n * g->height + w.y) * line + w.x * channels;
                TYPE *out = (TYPE *)arrays[1] + to;
                uint8_t *place = arrays[2] != NULL ? (uint8_t *)arrays[2] + to : NULL;
                if (g->side == 2 && is_whole(&w, 2))
                    NAME(pool_window)(g, &w, at, out, place, 2);
                else if (g->side == 3 && is_whole(&w, 3))
                    NAME(pool_window)(g, &w, at, out, place, 3);
                else
                    NAME(pool_window)(g, &w, at, out, place, 0);
            }
}

/* As pool_window, the way back. */
KNOWN void NAME(unpool_window)(const Pool *g, const Window *w, float *at, const TYPE *grad, const uint8_t *place,
                               int side, int is_alone) {
    const int64_t channels = g->channels, line = g->width * channels;
    for (int64_t c = 0; c < channels; c += LANES) {
        const Ints where = load_bytes(place + c);
        const Lanes v = LOAD(grad + c);
        float *to = at + c;
        if (side) {
            UNROLL for (int p = 0; p < side * side; p++)
                give(to + p / side * line + p % side * channels, p, v, where, is_alone);
        } else {
            for (int64_t dy = w->begin_y; dy < w->end_y; dy++)
                for (int64_t dx = w->begin_x; dx < w->end_x; dx++)
                    give(to + dy * line + dx * channels, dy * g->side + dx, v, where, is_alone);
        }
    }
}

/* Arrays: grad_out; place; grad_maps. Gradients of windows are added up in float. */
void NAME(pool_backward)(const Pool *g, int64_t first, int64_t last, void *const *arrays) {
    const int64_t channels = g->channels, line = g->width * channels;
    const int is_alone = g->side == 2 && g->stride == 2;
    /* Windows side by side that cover the maps write every pixel. */
    const int is_covered = is_alone && g->pad == 0 && 2 * g->out_height >= g->height && 2 * g->out_width >= g->width;
    const int64_t image = g->height * line;
    float *apart = sizeof(TYPE) == sizeof(float) ? NULL : room(image);
    for (int64_t n = first; n < last; n++) {
        float *grad_maps = apart != NULL ? apart : (float *)arrays[2] + n * image;
        if (!is_covered) memset(grad_maps, 0, image * sizeof *grad_maps);
        for (int64_t i = 0; i < g->out_height; i++)
            for (int64_t j = 0; j < g->out_width; j++) {
                const Window w = window_of(g, i, j);
                const int64_t from = ((n * g->out_height + i) * g->out_width + j) * channels;
                const TYPE *grad = (const TYPE *)arrays[0] + from;
                const uint8_t *place = (const uint8_t *)arrays[1] + from;
                float *at = grad_maps + w.y * line + w.x * channels;
                if (is_alone && is_whole(&w, 2))
                    NAME(unpool_window)(g, &w, at, grad, place, 2, 1);
                else if (is_alone)
                    NAME(unpool_window)(g, &w, at, grad, place, 0, 1);
                else if (g->side == 3 && is_whole(&w, 3))
                    NAME(unpool_window)(g, &w, at, grad, place, 3, 0);
                else
                    NAME(unpool_window)(g, &w, at, grad, place, 0, 0);
            }
        if (apart == NULL) continue;
        for (int64_t i = 0; i < image; i += LANES) STORE((TYPE *)arrays[2] + n * image + i, load(apart + i));
    }
    free(apart);
}

#include "type_ends.h"

#endif
