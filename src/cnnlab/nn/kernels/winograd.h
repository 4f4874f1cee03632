/* The transforms of Winograd's minimal filtering F(4x4, 3x3), and their transposes, which the way back needs.
 *
 * A convolution of 3x3 in tiles of 4x4 outputs: each 6x6 window of the maps becomes 36 numbers, in which the
 * convolution is a matrix product over channels: 36 multiplications where there were 144. Matrices as in Lavin
 * and Gray, arXiv:1509.09308, section 4.1: outputs At [(G g Gt) * (Bt d B)] A.
 *
 * Maps lie as N x H x W x C. A spectrum has 36 planes, each of a line of C for each tile. Channels come in
 * multiples of LANES.
 */
#include "vectors.h"

enum { TAPS = 3, STEP = 4, SIDE = 6, POINTS = 36 };

/* Of maps, and of the tiles that cover them. */
typedef struct {
    int64_t height, width, channels;
} Shape;

static inline int64_t num_tiles(const Shape *s) {
    return (s->height + STEP - 1) / STEP * ((s->width + STEP - 1) / STEP);
}

/* v = Bt v, for six values `by` apart */
static inline void window_to_spectrum(Lanes *v, int by) {
    const Lanes a = v[0], b = v[by], c = v[2 * by], d = v[3 * by], e = v[4 * by], f = v[5 * by];
    const Lanes even = e - 4 * c, odd = d - 4 * b, even2 = e - c, odd2 = 2 * (d - b);
    v[0] = 4 * a - 5 * c + e;
    v[by] = even + odd;
    v[2 * by] = even - odd;
    v[3 * by] = even2 + odd2;
    v[4 * by] = even2 - odd2;
    v[5 * by] = 4 * b - 5 * d + f;
}

/* v = B v */
static inline void spectrum_to_window(Lanes *v, int by) {
    const Lanes a = v[0], b = v[by], c = v[2 * by], d = v[3 * by], e = v[4 * by], f = v[5 * by];
    const Lanes bc = b + c, de = d + e, cb = c - b, ed = e - d;
    v[0] = 4 * a;
    v[by] = 4 * (cb + f) + 2 * ed;
    v[2 * by] = -5 * a - 4 * bc - de;
    v[3 * by] = -cb - 2 * ed - 5 * f;
    v[4 * by] = a + bc + de;
    v[5 * by] = f;
}

/* out = At v: six values to four, `by` and `to` apart */
static inline void spectrum_to_outputs(const Lanes *v, int by, Lanes *out, int to) {
    const Lanes a = v[0], b = v[by], c = v[2 * by], d = v[3 * by], e = v[4 * by], f = v[5 * by];
    const Lanes bc = b + c, de = d + e, b_c = b - c, d_e = d - e;
    out[0] = a + bc + de;
    out[to] = b_c + 2 * d_e;
    out[2 * to] = bc + 4 * de;
    out[3 * to] = b_c + 8 * d_e + f;
}

/* out = A v: four values to six */
static inline void outputs_to_spectrum(const Lanes *v, int by, Lanes *out, int to) {
    const Lanes a = v[0], b = v[by], c = v[2 * by], d = v[3 * by];
    const Lanes even = a + c, odd = b + d, even4 = a + 4 * c, odd8 = 2 * b + 8 * d;
    out[0] = a;
    out[to] = even + odd;
    out[2 * to] = even - odd;
    out[3 * to] = even4 + odd8;
    out[4 * to] = even4 - odd8;
    out[5 * to] = d;
}

/* out = G v: three values to six */
static inline void kernel_to_spectrum(const Lanes *v, int by, Lanes *out, int to) {
    const Lanes a = v[0], b = v[by], c = v[2 * by], even = (a + c) * (1 / 6.0f), odd = b * (1 / 6.0f);
    const Lanes even2 = a * (1 / 24.0f) + c * (1 / 6.0f), odd2 = b * (1 / 12.0f);
    out[0] = a * 0.25f;
    out[to] = -even - odd;
    out[2 * to] = odd - even;
    out[3 * to] = even2 + odd2;
    out[4 * to] = even2 - odd2;
    out[5 * to] = c;
}

/* out = Gt v: six values to three */
static inline void spectrum_to_kernel(const Lanes *v, int by, Lanes *out, int to) {
    const Lanes bc = (v[by] + v[2 * by]) * (1 / 6.0f), de = (v[3 * by] + v[4 * by]) * (1 / 6.0f);
    const Lanes b_c = (v[by] - v[2 * by]) * (1 / 6.0f), d_e = (v[3 * by] - v[4 * by]) * (1 / 12.0f);
    out[0] = v[0] * 0.25f - bc + de * 0.25f;
    out[to] = d_e - b_c;
    out[2 * to] = de - bc + v[5 * by];
}

/* A tile's first output. */
typedef struct {
    int64_t n, y, x;
} Place;

static inline Place place_of(const Shape *s, int64_t tile) {
    const int64_t wide = (s->width + STEP - 1) / STEP, high = (s->height + STEP - 1) / STEP;
    return (Place){tile / (high * wide), STEP * (tile / wide % high), STEP * (tile % wide)};
}

static inline void move_on(const Shape *s, Place *at) {
    at->x += STEP;
    if (at->x < s->width) return;
    at->x = 0;
    at->y += STEP;
    if (at->y < s->height) return;
    at->y = 0;
    at->n++;
}

/* A square of maps, lines `by` numbers apart. */
typedef struct {
    const float *pixels;
    int64_t by;
} Square;

/* The square of `side` pixels at (y, x) of image n; where it stands out, a copy in `framed` with zeros there. */
static inline Square find_square(const Shape *s, const float *maps, int64_t n, int64_t y, int64_t x, int side,
                                 float *framed) {
    const int64_t channels = s->channels, line = s->width * channels;
    const float *corner = maps + (n * s->height + y) * line + x * channels;
    if (y >= 0 && x >= 0 && y + side <= s->height && x + side <= s->width) return (Square){corner, line};
    const int64_t begin = x < 0 ? -x : 0, end = x + side <= s->width ? side : s->width - x;
    memset(framed, 0, side * side * channels * sizeof *framed);
    for (int64_t i = y < 0 ? -y : 0; i < side && y + i < s->height; i++)
        memcpy(framed + (i * side + begin) * channels, corner + i * line + begin * channels,
               (end - begin) * channels * sizeof *framed);
    return (Square){framed, side * channels};
}

/* Bt d B of tiles `start` and on: POINTS planes of count x C. `framed`: room for POINTS x C. */
static inline void spectrum_of_maps(const Shape *s, const float *maps, int64_t start, int64_t count, float *to,
                                    int64_t plane, float *framed) {
    const int64_t channels = s->channels;
    Place at = place_of(s, start);
    for (int64_t t = 0; t < count; t++, move_on(s, &at)) {
        const Square in = find_square(s, maps, at.n, at.y - 1, at.x - 1, SIDE, framed);
        for (int64_t c = 0; c < channels; c += LANES, to += LANES) {
            Lanes v[SIDE], half[POINTS];
            UNROLL for (int j = 0; j < SIDE; j++) {
                UNROLL for (int i = 0; i < SIDE; i++) v[i] = load(in.pixels + i * in.by + j * channels + c);
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

/* maps = At m A + bias of tiles `start` and on */
static inline void maps_of_spectrum(const Shape *s, float *maps, int64_t start, int64_t count, const float *from,
                                    int64_t plane, const float *bias) {
    const int64_t channels = s->channels, line = s->width * channels;
    Place at = place_of(s, start);
    for (int64_t t = 0; t < count; t++, move_on(s, &at)) {
        const int64_t end_y = s->height - at.y < STEP ? s->height - at.y : STEP;
        const int64_t end_x = s->width - at.x < STEP ? s->width - at.x : STEP;
        float *to = maps + (at.n * s->height + at.y) * line + at.x * channels;
        for (int64_t c = 0; c < channels; c += LANES, from += LANES, to += LANES) {
            Lanes v[SIDE], half[STEP * SIDE], out[STEP];
            const Lanes more = load(bias + c);
            UNROLL for (int j = 0; j < SIDE; j++) {
                UNROLL for (int i = 0; i < SIDE; i++) v[i] = load(from + (SIDE * i + j) * plane);
                spectrum_to_outputs(v, 1, half + j, SIDE);
            }
            UNROLL for (int i = 0; i < STEP; i++) {
                if (i >= end_y) break;
                spectrum_to_outputs(half + SIDE * i, 1, out, 1);
                UNROLL for (int j = 0; j < STEP; j++)
                    if (j < end_x) store(to + i * line + j * channels, out[j] + more);
            }
        }
    }
}

/* The transpose of that: A d At of the gradient. Its sums over pixels are added to `sums`, which may be NULL. */
static inline void spectrum_of_grad(const Shape *s, const float *grad, int64_t start, int64_t count, float *to,
                                    int64_t plane, float *sums, float *framed) {
    const int64_t channels = s->channels;
    Place at = place_of(s, start);
    for (int64_t t = 0; t < count; t++, move_on(s, &at)) {
        const Square in = find_square(s, grad, at.n, at.y, at.x, STEP, framed);
        for (int64_t c = 0; c < channels; c += LANES, to += LANES) {
            Lanes v[STEP], half[SIDE * STEP], out[SIDE];
            UNROLL for (int j = 0; j < STEP; j++) {
                UNROLL for (int i = 0; i < STEP; i++) v[i] = load(in.pixels + i * in.by + j * channels + c);
                outputs_to_spectrum(v, 1, half + j, STEP);
            }
            UNROLL for (int i = 0; i < SIDE; i++) {
                outputs_to_spectrum(half + STEP * i, 1, out, 1);
                UNROLL for (int j = 0; j < SIDE; j++) store(to + (SIDE * i + j) * plane, out[j]);
                if (i == 1 && sums != NULL) store(sums + c, load(sums + c) + out[1]); /* that of the tile */
            }
        }
    }
}

/* The transpose of spectrum_of_maps: to `grad` is added B m Bt of each tile; windows overlap. */
static inline void add_windows(const Shape *s, float *grad, int64_t start, int64_t count, const float *from,
                               int64_t plane) {
    const int64_t channels = s->channels, line = s->width * channels;
    Place at = place_of(s, start);
    for (int64_t t = 0; t < count; t++, move_on(s, &at)) {
        const int64_t start_y = at.y == 0, start_x = at.x == 0;
        const int64_t end_y = s->height - at.y + 1 < SIDE ? s->height - at.y + 1 : SIDE;
        const int64_t end_x = s->width - at.x + 1 < SIDE ? s->width - at.x + 1 : SIDE;
        float *to = grad + (at.n * s->height + at.y - 1) * line + (at.x - 1) * channels;
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
                    float *pixel = to + i * line + j * channels;
                    if (j >= start_x && j < end_x) store(pixel, load(pixel) + half[SIDE * i + j]);
                }
            }
        }
    }
}

