/* The transforms of Winograd's minimal filtering F(4x4, 3x3) and F(2x2, 5x5), and their transposes, which the way
 * back needs.
 *
 * A convolution of 3x3 in tiles of 4x4 outputs, or of 5x5 in tiles of 2x2: each 6x6 window of the maps becomes 36
 * numbers, in which the convolution is a matrix product over channels: 36 multiplications where there were 144, or
 * 100. Outputs are At [(G g Gt) * (Bt d B)] A, see winograd_lines.h.
 *
 * Maps lie as N x H x W x pitch, of which C channels are looked at. A spectrum has 36 planes, each of a line of C for
 * each tile. C is a multiple of LANES.
 */
#include "winograd_lines.h"

enum { POINTS = SIDE * SIDE, MOST_TAPS = 5, MOST_STEP = 4 };

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

/* Bt d B of tiles `start` and on: POINTS planes of count x C. `framed`: room for POINTS x C. */
static inline void spectrum_of_maps(const Shape *s, const float *maps, int64_t start, int64_t count, float *to,
                                    int64_t plane, float *framed) {
    const int64_t channels = s->channels, pad = s->taps / 2;
    Place at = place_of(s, start);
    for (int64_t t = 0; t < count; t++, move_on(s, &at)) {
        const Square in = find_square(s, maps, at.n, at.y - pad, at.x - pad, SIDE, framed);
        for (int64_t c = 0; c < channels; c += LANES, to += LANES) {
            Lanes v[SIDE], half[POINTS];
            UNROLL for (int j = 0; j < SIDE; j++) {
                UNROLL for (int i = 0; i < SIDE; i++) v[i] = load(in.pixels + i * in.line + j * in.pitch + c);
                window_to_spectrum(v, 1);
                UNROLL for (int i = 0; i < SIDE; i++) half[SIDE * i + j] = v[i];
            }
            UNROLL for (int i = 0; i < SIDE; i++) {
                window_to_spectrum(half + SIDE * i, 1);
                UNROLL for (int j = 0; j < SIDE; j++) store(to + (SIDE * i + j) * plane, half[SIDE * i + j]);
            }
        }
    }
}

KNOWN void outputs_of_tiles(const Shape *s, float *maps, int64_t start, int64_t count, const float *from, int64_t plane,
                            const float *bias, int step) {
    const int64_t channels = s->channels, pitch = s->pitch, line = s->width * pitch;
    Place at = place_of(s, start);
    for (int64_t t = 0; t < count; t++, move_on(s, &at)) {
        const int64_t end_y = s->height - at.y < step ? s->height - at.y : step;
        const int64_t end_x = s->width - at.x < step ? s->width - at.x : step;
        float *to = maps + (at.n * s->height + at.y) * line + at.x * pitch;
        for (int64_t c = 0; c < channels; c += LANES, from += LANES, to += LANES) {
            Lanes v[SIDE], half[MOST_STEP * SIDE], out[MOST_STEP];
            const Lanes more = load(bias + c);
            UNROLL for (int j = 0; j < SIDE; j++) {
                UNROLL for (int i = 0; i < SIDE; i++) v[i] = load(from + (SIDE * i + j) * plane);
                spectrum_to_outputs(v, 1, half + j, SIDE, step);
            }
            UNROLL for (int i = 0; i < step; i++) {
                if (i >= end_y) break;
                spectrum_to_outputs(half + SIDE * i, 1, out, 1, step);
                UNROLL for (int j = 0; j < step; j++)
                    if (j < end_x) store(to + i * line + j * pitch, out[j] + more);
            }
        }
    }
}

/* maps = At m A + bias of tiles `start` and on */
static inline void maps_of_spectrum(const Shape *s, float *maps, int64_t start, int64_t count, const float *from,
                                    int64_t plane, const float *bias) {
    if (step_of(s) == 4)
        outputs_of_tiles(s, maps, start, count, from, plane, bias, 4);
    else
        outputs_of_tiles(s, maps, start, count, from, plane, bias, 2);
}

KNOWN void spectrum_of_tiles(const Shape *s, const float *grad, int64_t start, int64_t count, float *to, int64_t plane,
                             float *sums, float *framed, int step) {
    const int64_t channels = s->channels;
    Place at = place_of(s, start);
    for (int64_t t = 0; t < count; t++, move_on(s, &at)) {
        const Square in = find_square(s, grad, at.n, at.y, at.x, step, framed);
        for (int64_t c = 0; c < channels; c += LANES, to += LANES) {
            Lanes v[MOST_STEP], half[SIDE * MOST_STEP], out[SIDE];
            UNROLL for (int j = 0; j < step; j++) {
                UNROLL for (int i = 0; i < step; i++) v[i] = load(in.pixels + i * in.line + j * in.pitch + c);
                outputs_to_spectrum(v, 1, half + j, step, step);
            }
            UNROLL for (int i = 0; i < SIDE; i++) {
                outputs_to_spectrum(half + step * i, 1, out, 1, step);
                UNROLL for (int j = 0; j < SIDE; j++) store(to + (SIDE * i + j) * plane, out[j]);
                if (i == 1 && sums != NULL) store(sums + c, load(sums + c) + out[1]); /* that of the tile */
            }
        }
    }
}

/* The transpose of that: A d At of the gradient. Its sums over pixels are added to `sums`, which may be NULL. */
static inline void spectrum_of_grad(const Shape *s, const float *grad, int64_t start, int64_t count, float *to,
                                    int64_t plane, float *sums, float *framed) {
    if (step_of(s) == 4)
        spectrum_of_tiles(s, grad, start, count, to, plane, sums, framed, 4);
    else
        spectrum_of_tiles(s, grad, start, count, to, plane, sums, framed, 2);
}

/* The transpose of spectrum_of_maps: to `grad` is added B m Bt of each tile; windows overlap. */
static inline void add_windows(const Shape *s, float *grad, int64_t start, int64_t count, const float *from,
                               int64_t plane) {
    const int64_t channels = s->channels, pitch = s->pitch, line = s->width * pitch, pad = s->taps / 2;
    Place at = place_of(s, start);
    for (int64_t t = 0; t < count; t++, move_on(s, &at)) {
        const int64_t start_y = at.y < pad ? pad - at.y : 0, start_x = at.x < pad ? pad - at.x : 0;
        const int64_t end_y = s->height - at.y + pad < SIDE ? s->height - at.y + pad : SIDE;
        const int64_t end_x = s->width - at.x + pad < SIDE ? s->width - at.x + pad : SIDE;
        float *to = grad + (at.n * s->height + at.y - pad) * line + (at.x - pad) * pitch;
        for (int64_t c = 0; c < channels; c += LANES, from += LANES, to += LANES) {
            Lanes v[SIDE], half[POINTS];
            UNROLL for (int j = 0; j < SIDE; j++) {
                UNROLL for (int i = 0; i < SIDE; i++) v[i] = load(from + (SIDE * i + j) * plane);
                spectrum_to_window(v, 1);
                UNROLL for (int i = 0; i < SIDE; i++) half[SIDE * i + j] = v[i];
            }
            UNROLL for (int i = 0; i < SIDE; i++) {
                if (i < start_y || i >= end_y) continue;
                spectrum_to_window(half + SIDE * i, 1);
                UNROLL for (int j = 0; j < SIDE; j++) {
                    float *pixel = to + i * line + j * pitch;
                    if (j >= start_x && j < end_x) store(pixel, load(pixel) + half[SIDE * i + j]);
                }
            }
        }
    }
}

/* Zeros for all of some images. */
static inline void clear(const Shape *s, float *maps, int64_t images) {
    for (int64_t p = 0; p < images * s->height * s->width; p++)
        memset(maps + p * s->pitch, 0, s->channels * sizeof *maps);
}
