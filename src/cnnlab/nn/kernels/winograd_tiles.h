/* Maps, and the tiles that cover them.
 *
 * Maps lie as N x H x W x pitch, of which C channels are looked at. C is a multiple of LANES.
 */
#include "winograd_lines.h"

enum { POINTS = SIDE * SIDE, MOST_TAPS = 5, MOST_STEP = 4 };
enum { NUMBERS_AT_ONCE = 16 }; /* that memory sends */

/* Of maps, and of the tiles that cover them. */
typedef struct {
    int64_t height, width, channels;
    int64_t pitch; /* numbers from pixel to pixel */
    int64_t taps;  /* of the kernels' side: 3 or 5 */
} Shape;

/* A tile's side. */
static inline int64_t step_of(const Shape *s) { return SIDE + 1 - s->taps; }

static inline int64_t num_tiles(const Shape *s) {
    const int64_t step = step_of(s);
    return (s->height + step - 1) / step * ((s->width + step - 1) / step);
}

/* A tile's first output. */
typedef struct {
    int64_t n, y, x;
} Place;

static inline Place place_of(const Shape *s, int64_t tile) {
    const int64_t step = step_of(s), wide = (s->width + step - 1) / step, high = (s->height + step - 1) / step;
    return (Place){tile / (high * wide), step * (tile / wide % high), step * (tile % wide)};
}

static inline void move_on(const Shape *s, Place *at) {
    at->x += step_of(s);
    if (at->x < s->width) return;
    at->x = 0;
    at->y += step_of(s);
    if (at->y < s->height) return;
    at->y = 0;
    at->n++;
}

/* A square of maps: numbers from line to line, and from pixel to pixel. */
typedef struct {
    const float *pixels;
    int64_t line, pitch;
} Square;

/* The square of `side` pixels at (y, x) of image n; where it stands out, a copy in `framed` with zeros there. */
static inline Square find_square(const Shape *s, const float *maps, int64_t n, int64_t y, int64_t x, int side,
                                 float *framed) {
    const int64_t channels = s->channels, pitch = s->pitch, line = s->width * pitch;
    const float *corner = maps + (n * s->height + y) * line + x * pitch;
    if (y >= 0 && x >= 0 && y + side <= s->height && x + side <= s->width) return (Square){corner, line, pitch};
    const int64_t begin = x < 0 ? -x : 0, end = x + side <= s->width ? side : s->width - x;
    memset(framed, 0, side * side * channels * sizeof *framed);
    for (int64_t i = y < 0 ? -y : 0; i < side && y + i < s->height; i++)
        for (int64_t j = begin; j < end; j++)
            memcpy(framed + (i * side + j) * channels, corner + i * line + j * pitch, channels * sizeof *framed);
    return (Square){framed, side * channels, channels};
}

/* Call for pixels of the next tiles while these are worked on: a column of a tile. Memory takes longer to answer than a
 * tile takes to compute, and processors do not foresee that lines of pixels go on in the next line. */
KNOWN void call_for(const float *pixels, int64_t line, int64_t channel, int step, int to_write) {
    if (channel % NUMBERS_AT_ONCE != 0) return;
    UNROLL for (int i = 0; i < step; i++)
        if (to_write)
            __builtin_prefetch(pixels + i * line, 1);
        else
            __builtin_prefetch(pixels + i * line, 0);
}

/* Tiles beside each other, of `count` tiles from a place on. */
static inline int64_t tiles_beside(const Shape *s, const Place *at, int64_t count) {
    const int64_t left = (s->width - at->x + step_of(s) - 1) / step_of(s);
    return count < left ? count : left;
}
