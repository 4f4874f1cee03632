/* Winograd's filtering F(4, 3) in tiles that fit maps whose sides are no multiples of 4: some tiles are 3 long, so that
 * none stands out. A side of 7 is 4 + 3 and takes 11 points instead of 12, one of 14 takes 22 instead of 24.
 *
 * F(3, 3) has the points of F(4, 3) but -2, and the same kernels' spectrum, since what differs, the factors N of
 * winograd_lines.h's G, is brought into the windows' transform: its lines are those of Lavin and Gray's B for the
 * points 0, 1, -1, 2 and infinity, times 2, 3, 1, 4 and 1. So a plane of the spectrum is one product for tiles of
 * all sizes; planes of the point -2 have tiles only that are 4 long.
 *
 * For that, tiles of some images are in order of their size: 4x3 (high x wide), 4x4, 3x4, 3x3.
 */
#include "winograd_lines.h"

enum { POINTS = SIDE * SIDE, MOST_STEP = 4, LEFT_OUT = 4 }; /* the place of the point -2 */

/* v = Bt v, for five values; v[LEFT_OUT] is not looked at afterwards */
KNOWN void window_to_fitted(Lanes *v, int is_short) {
    if (!is_short) {
        window_to_spectrum(v, 1);
        return;
    }
    const Lanes a = v[0], b = v[1], c = v[2], d = v[3], e = v[4], db = d - b, db2 = 2 * db;
    v[0] = 4 * (a - c) + db2;
    v[1] = 3 * (db - c) - 3 * b;
    v[2] = 2 * b - 3 * c + d;
    v[3] = 4 * db;
    v[5] = e - c - db2;
}

/* v = B v, to five values */
KNOWN void fitted_to_window(Lanes *v, int is_short) {
    if (!is_short) {
        spectrum_to_window(v, 1);
        return;
    }
    const Lanes a = 2 * v[0], b = 3 * v[1], c = v[2], d = 4 * v[3], f = v[5], odd = a - 2 * f + d;
    v[0] = 2 * a;
    v[1] = 2 * (c - b) - odd;
    v[2] = -2 * a - b - 3 * c - f;
    v[3] = odd + b + c;
    v[4] = f;
}

/* out = At v: to three outputs */
KNOWN void fitted_to_outputs(const Lanes *v, Lanes *out, int to, int is_short) {
    if (!is_short) {
        spectrum_to_outputs(v, 1, out, to, 4);
        return;
    }
    const Lanes bc = v[1] + v[2], b_c = v[1] - v[2];
    out[0] = v[0] + bc + v[3];
    out[to] = b_c + 2 * v[3];
    out[2 * to] = bc + 4 * v[3] + v[5];
}

/* out = A v: from three outputs */
KNOWN void outputs_to_fitted(const Lanes *v, int by, Lanes *out, int is_short) {
    if (!is_short) {
        outputs_to_spectrum(v, by, out, 1, 4);
        return;
    }
    const Lanes a = v[0], b = v[by], c = v[2 * by], even = a + c;
    out[0] = a;
    out[1] = even + b;
    out[2] = even - b;
    out[3] = a + 2 * b + 4 * c;
    out[5] = c;
}

/* Maps, of which C channels are looked at; numbers from pixel to pixel. */
typedef struct {
    int64_t height, width, channels, pitch;
} Shape;

/* How a side is divided: tiles of 4 first. */
typedef struct {
    int64_t whole, shorts;
} Division;

static inline Division divide(int64_t side) {
    const int64_t num = (side + 3) / 4, shorts = 4 * num - side;
    return (Division){num - shorts, shorts};
}

static inline int64_t num_tiles(const Shape *s) { return (s->height + 3) / 4 * ((s->width + 3) / 4); }

/* From one line of a plane of the spectrum to the next: no power of two apart, where lines would take each other's
 * place in the cache. */
static inline int64_t line_of(const Shape *s) { return s->channels + 2 * LANES; }

/* A tile: its first output, whether it is short, and its line in each plane. */
typedef struct {
    int64_t n, y, x, line;
    int is_low, is_narrow;
} Tile;

static inline Tile tile_of(const Shape *s, int64_t images, int64_t n, int64_t i, int64_t j) {
    const Division high = divide(s->height), wide = divide(s->width);
    const int is_low = i >= high.whole, is_narrow = j >= wide.whole;
    const int64_t rows = is_low ? high.shorts : high.whole, columns = is_narrow ? wide.shorts : wide.whole;
    const int64_t row = is_low ? i - high.whole : i, column = is_narrow ? j - wide.whole : j;
    int64_t before = 0; /* tiles of an image that stand before those of this size */
    if (!(is_narrow && !is_low)) before += high.whole * wide.shorts;
    if (is_low) before += high.whole * wide.whole;
    if (is_low && is_narrow) before += high.shorts * wide.whole;
    return (Tile){n, is_low ? s->height - 3 * (high.shorts - row) : 4 * row,
                  is_narrow ? s->width - 3 * (wide.shorts - column) : 4 * column,
                  images * before + (n * rows + row) * columns + column, is_low, is_narrow};
}

/* The lines of a plane that have something in it. */
typedef struct {
    int64_t start, count;
} Lines;

static inline Lines lines_of(const Shape *s, int64_t images, int point) {
    const Division high = divide(s->height), wide = divide(s->width);
    const int64_t columns = wide.whole + wide.shorts, rows = high.whole + high.shorts, narrow = high.whole * wide.shorts;
    const int no_low = point / SIDE == LEFT_OUT, no_narrow = point % SIDE == LEFT_OUT;
    if (no_low && no_narrow) return (Lines){images * narrow, images * high.whole * wide.whole};
    if (no_low) return (Lines){0, images * high.whole * columns};
    if (no_narrow) return (Lines){images * narrow, images * rows * wide.whole};
    return (Lines){0, images * rows * columns};
}

/* A square of maps: numbers from line to line, and from pixel to pixel. */
typedef struct {
    const float *pixels;
    int64_t line, pitch;
} Square;

/* `high` x `wide` pixels at (y, x) of image n; where they stand out, a copy in `framed` with zeros there. */
static inline Square find_square(const Shape *s, const float *maps, int64_t n, int64_t y, int64_t x, int high, int wide,
                                 float *framed) {
    const int64_t channels = s->channels, pitch = s->pitch, line = s->width * pitch;
    const float *corner = maps + (n * s->height + y) * line + x * pitch;
    if (y >= 0 && x >= 0 && y + high <= s->height && x + wide <= s->width) return (Square){corner, line, pitch};
    const int64_t begin = x < 0 ? -x : 0, end = x + wide <= s->width ? wide : s->width - x;
    memset(framed, 0, high * wide * channels * sizeof *framed);
    for (int64_t i = y < 0 ? -y : 0; i < high && y + i < s->height; i++)
        for (int64_t j = begin; j < end; j++)
            memcpy(framed + (i * wide + j) * channels, corner + i * line + j * pitch, channels * sizeof *framed);
    return (Square){framed, wide * channels, channels};
}

KNOWN void window_of_tile(const Shape *s, const float *maps, const Tile *t, float *to, int64_t plane, float *framed,
                          int low, int narrow) {
    const Square in = find_square(s, maps, t->n, t->y - 1, t->x - 1, SIDE - low, SIDE - narrow, framed);
    for (int64_t c = 0; c < s->channels; c += LANES, to += LANES) {
        Lanes v[SIDE], half[POINTS];
        UNROLL for (int j = 0; j < SIDE - narrow; j++) {
            UNROLL for (int i = 0; i < SIDE - low; i++) v[i] = load(in.pixels + i * in.line + j * in.pitch + c);
            window_to_fitted(v, low);
            UNROLL for (int i = 0; i < SIDE; i++) half[SIDE * i + j] = v[i];
        }
        UNROLL for (int i = 0; i < SIDE; i++) {
            if (low && i == LEFT_OUT) continue;
            window_to_fitted(half + SIDE * i, narrow);
            UNROLL for (int j = 0; j < SIDE; j++)
                if (!(narrow && j == LEFT_OUT)) store(to + (SIDE * i + j) * plane, half[SIDE * i + j]);
        }
    }
}

KNOWN void outputs_of_tile(const Shape *s, float *maps, const Tile *t, const float *from, int64_t plane,
                           const float *bias, int low, int narrow) {
    const int64_t pitch = s->pitch, line = s->width * pitch;
    float *to = maps + (t->n * s->height + t->y) * line + t->x * pitch;
    for (int64_t c = 0; c < s->channels; c += LANES, from += LANES, to += LANES) {
        Lanes v[SIDE], half[MOST_STEP * SIDE], out[MOST_STEP];
        const Lanes more = load(bias + c);
        UNROLL for (int j = 0; j < SIDE; j++) {
            if (narrow && j == LEFT_OUT) continue;
            UNROLL for (int i = 0; i < SIDE; i++)
                if (!(low && i == LEFT_OUT)) v[i] = load(from + (SIDE * i + j) * plane);
            fitted_to_outputs(v, half + j, SIDE, low);
        }
        UNROLL for (int i = 0; i < MOST_STEP - low; i++) {
            fitted_to_outputs(half + SIDE * i, out, 1, narrow);
            UNROLL for (int j = 0; j < MOST_STEP - narrow; j++) store(to + i * line + j * pitch, out[j] + more);
        }
    }
}

KNOWN void grad_of_tile(const Shape *s, const float *grad, const Tile *t, float *to, int64_t plane, float *sums,
                        int low, int narrow) {
    const int64_t pitch = s->pitch, line = s->width * pitch;
    const float *from = grad + (t->n * s->height + t->y) * line + t->x * pitch;
    for (int64_t c = 0; c < s->channels; c += LANES, to += LANES) {
        Lanes v[MOST_STEP], half[SIDE * MOST_STEP], column[SIDE], out[SIDE];
        UNROLL for (int j = 0; j < MOST_STEP - narrow; j++) {
            UNROLL for (int i = 0; i < MOST_STEP - low; i++) v[i] = load(from + i * line + j * pitch + c);
            outputs_to_fitted(v, 1, column, low);
            UNROLL for (int i = 0; i < SIDE; i++)
                if (!(low && i == LEFT_OUT)) half[MOST_STEP * i + j] = column[i];
        }
        UNROLL for (int i = 0; i < SIDE; i++) {
            if (low && i == LEFT_OUT) continue;
            outputs_to_fitted(half + MOST_STEP * i, 1, out, narrow);
            UNROLL for (int j = 0; j < SIDE; j++)
                if (!(narrow && j == LEFT_OUT)) store(to + (SIDE * i + j) * plane, out[j]);
            if (i == 1) store(sums + c, load(sums + c) + out[1]); /* that of the tile */
        }
    }
}

KNOWN void add_window_of_tile(const Shape *s, float *grad, const Tile *t, const float *from, int64_t plane, int low,
                              int narrow) {
    const int64_t pitch = s->pitch, line = s->width * pitch;
    const int64_t start_y = t->y < 1, start_x = t->x < 1;
    const int64_t end_y = s->height - t->y + 1 < SIDE - low ? s->height - t->y + 1 : SIDE - low;
    const int64_t end_x = s->width - t->x + 1 < SIDE - narrow ? s->width - t->x + 1 : SIDE - narrow;
    float *to = grad + (t->n * s->height + t->y - 1) * line + (t->x - 1) * pitch;
    for (int64_t c = 0; c < s->channels; c += LANES, from += LANES, to += LANES) {
        Lanes v[SIDE], half[POINTS];
        UNROLL for (int j = 0; j < SIDE; j++) {
            if (narrow && j == LEFT_OUT) continue;
            UNROLL for (int i = 0; i < SIDE; i++)
                if (!(low && i == LEFT_OUT)) v[i] = load(from + (SIDE * i + j) * plane);
            fitted_to_window(v, low);
            UNROLL for (int i = 0; i < SIDE - low; i++) half[SIDE * i + j] = v[i];
        }
        UNROLL for (int i = 0; i < SIDE - low; i++) {
            if (i < start_y || i >= end_y) continue;
            fitted_to_window(half + SIDE * i, narrow);
            UNROLL for (int j = 0; j < SIDE - narrow; j++) {
                float *pixel = to + i * line + j * pitch;
                if (j >= start_x && j < end_x) store(pixel, load(pixel) + half[SIDE * i + j]);
            }
        }
    }
}

/* FUNCTION for all tiles of images `start` to `start + images - 1`, each as one of its size. */
#define EACH_TILE(SHAPE, START, IMAGES, FUNCTION, ...)                                                            \
    for (int64_t n_ = 0; n_ < (IMAGES); n_++)                                                                     \
        for (int64_t i_ = 0; i_ < ((SHAPE)->height + 3) / 4; i_++)                                                \
            for (int64_t j_ = 0; j_ < ((SHAPE)->width + 3) / 4; j_++) {                                           \
                Tile tile = tile_of(SHAPE, IMAGES, n_, i_, j_);                                                   \
                tile.n += (START);                                                                                \
                const int64_t at = tile.line * line_of(SHAPE);                                                      \
                if (tile.is_low && tile.is_narrow)                                                                \
                    FUNCTION(SHAPE, __VA_ARGS__, 1, 1);                                                           \
                else if (tile.is_low)                                                                             \
                    FUNCTION(SHAPE, __VA_ARGS__, 1, 0);                                                           \
                else if (tile.is_narrow)                                                                          \
                    FUNCTION(SHAPE, __VA_ARGS__, 0, 1);                                                           \
                else                                                                                              \
                    FUNCTION(SHAPE, __VA_ARGS__, 0, 0);                                                           \
            }
