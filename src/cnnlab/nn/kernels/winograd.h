/* The transforms of Winograd's minimal filtering F(4x4, 3x3) and F(2x2, 5x5), and their transposes, which the way
 * back needs.
 *
 * A convolution of 3x3 in tiles of 4x4 outputs, or of 5x5 in tiles of 2x2: each 6x6 window of the maps becomes 36
 * numbers, in which the convolution is a matrix product over channels: 36 multiplications where there were 144, or
 * 100. Outputs are At [(G g Gt) * (Bt d B)] A, see winograd_lines.h.
 *
 * A spectrum has 36 planes, each of a line of C for each tile.
 */
#include "winograd_tiles.h"

/* Room for a column of SIDE vectors for each pixel that windows of tiles beside each other see. */
static inline float *room_of_columns(const Shape *s) { return room((s->width + 2 * SIDE) * SIDE * LANES); }

/* What is seen of maps, inside of zeros: ReLU(factor maps + offset), C numbers each; they themselves, where this is NULL. */
typedef struct {
    const float *factor, *offset;
} Seen;

/* Pixels `from` and on, one below the other, of which those of lines `begin` to `end` - 1 are there. */
KNOWN void column_to_spectrum(const float *from, int64_t line, int64_t begin, int64_t end, int is_whole,
                              const Lanes *factor, const Lanes *offset, float *to) {
    Lanes v[SIDE];
    UNROLL for (int i = 0; i < SIDE; i++) {
        v[i] = (Lanes){0};
        if (!is_whole && (i < begin || i >= end)) continue;
        v[i] = load(from + i * line);
        if (factor == NULL) continue;
        v[i] = v[i] * *factor + *offset;
        v[i] = where_passing(v[i], v[i]);
    }
    window_to_spectrum(v, 1);
    UNROLL for (int i = 0; i < SIDE; i++) store(to + i * LANES, v[i]);
}

KNOWN void spectrum_of_windows(const Shape *s, const float *maps, const Seen *seen, int64_t start, int64_t count,
                               float *to, int64_t plane, int step) {
    const int64_t channels = s->channels, pitch = s->pitch, line = s->width * pitch, pad = s->taps / 2;
    float *columns = room_of_columns(s);
    Place at = place_of(s, start);
    for (int64_t num; count > 0; count -= num, to += num * channels) {
        num = tiles_beside(s, &at, count);
        const int64_t y = at.y - pad, begin = y < 0 ? -y : 0, end = s->height - y;
        const float *corner = maps + (at.n * s->height + y) * line + (at.x - pad) * pitch;
        for (int64_t c = 0; c < channels; c += LANES) {
            float *column = columns;
            int64_t x = at.x - pad, next = x + SIDE;
            const float *from = corner + c;
            Lanes scale[2];
            if (seen != NULL) scale[0] = load(seen->factor + c), scale[1] = load(seen->offset + c);
            const Lanes *factor = seen != NULL ? scale : NULL, *offset = scale + 1;
            for (int64_t t = 0; t < num; t++, next += step) {
                /* Windows overlap: their columns are transformed once. */
                for (; x < next; x++, from += pitch, column += SIDE * LANES) {
                    call_for(from + SIDE * line, line, c, step, 0);
                    if (x < 0 || x >= s->width)
                        UNROLL for (int i = 0; i < SIDE; i++) store(column + i * LANES, (Lanes){0});
                    else if (begin == 0 && end >= SIDE)
                        column_to_spectrum(from, line, begin, end, 1, factor, offset, column);
                    else
                        column_to_spectrum(from, line, begin, end, 0, factor, offset, column);
                }
                const float *window = column - SIDE * SIDE * LANES;
                float *tile = to + t * channels + c;
                UNROLL for (int i = 0; i < SIDE; i++) {
                    Lanes v[SIDE];
                    UNROLL for (int j = 0; j < SIDE; j++) v[j] = load(window + (SIDE * j + i) * LANES);
                    window_to_spectrum(v, 1);
                    UNROLL for (int j = 0; j < SIDE; j++) store(tile + (SIDE * i + j) * plane, v[j]);
                }
            }
        }
        at.x += (num - 1) * step;
        move_on(s, &at);
    }
    free(columns);
}

/* Bt d B of tiles `start` and on: POINTS planes of count x C. */
static inline void spectrum_of_maps(const Shape *s, const float *maps, const Seen *seen, int64_t start, int64_t count,
                                    float *to, int64_t plane) {
    if (step_of(s) == 4 && seen == NULL)
        spectrum_of_windows(s, maps, NULL, start, count, to, plane, 4);
    else if (step_of(s) == 4)
        spectrum_of_windows(s, maps, seen, start, count, to, plane, 4);
    else if (seen == NULL)
        spectrum_of_windows(s, maps, NULL, start, count, to, plane, 2);
    else
        spectrum_of_windows(s, maps, seen, start, count, to, plane, 2);
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
            for (int j = 0; j < step; j++) call_for(to + step * line + j * pitch, line, c, step, 1);
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
                             float *sums, float *framed, const float *const *far, int step) {
    const int64_t channels = s->channels, pitch = s->pitch, line = s->width * pitch;
    Place at = place_of(s, start);
    for (int64_t t = 0; t < count; t++, move_on(s, &at)) {
        const Square in = find_square(s, grad, at.n, at.y, at.x, step, framed);
        const int64_t below = (at.n * s->height + at.y + step) * line + at.x * pitch;
        for (int64_t c = 0; c < channels; c += LANES, to += LANES) {
            Lanes v[MOST_STEP], half[SIDE * MOST_STEP], out[SIDE];
            for (int k = 0; k < 2; k++)
                for (int j = 0; j < step && far[k] != NULL; j++)
                    call_for(far[k] + below + j * pitch + c, line, c, step, 0);
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

/* The transpose of that: A d At of the gradient. Its sums over pixels are added to `sums`, which may be NULL. It is in
 * the cache, and made of one or two others, that are not: `far`; or is itself the first of these. */
static inline void spectrum_of_grad(const Shape *s, const float *grad, int64_t start, int64_t count, float *to,
                                    int64_t plane, float *sums, float *framed, const float *const *far) {
    if (step_of(s) == 4)
        spectrum_of_tiles(s, grad, start, count, to, plane, sums, framed, far, 4);
    else
        spectrum_of_tiles(s, grad, start, count, to, plane, sums, framed, far, 2);
}

KNOWN void add_column(const float *column, float *to, int64_t line, int64_t begin, int64_t end, int64_t old) {
    Lanes v[SIDE];
    UNROLL for (int i = 0; i < SIDE; i++) v[i] = load(column + i * LANES);
    spectrum_to_window(v, 1);
    UNROLL for (int i = 0; i < SIDE; i++) {
        if (i < begin || i >= end) continue;
        store(to + i * line, i < old ? load(to + i * line) + v[i] : v[i]);
    }
}

KNOWN void grad_of_windows(const Shape *s, float *grad, int64_t start, int64_t count, const float *from,
                           int64_t plane, int step) {
    const int64_t channels = s->channels, pitch = s->pitch, line = s->width * pitch, pad = s->taps / 2;
    float *columns = room_of_columns(s);
    Place at = place_of(s, start);
    for (int64_t num; count > 0; count -= num, from += num * channels) {
        num = tiles_beside(s, &at, count);
        const int64_t y = at.y - pad, begin = y < 0 ? -y : 0, end = s->height - y;
        const int64_t old = at.y > 0 ? SIDE - step : 0; /* lines that the tiles above have written */
        float *corner = grad + (at.n * s->height + y) * line - pad * pitch;
        for (int64_t c = 0; c < channels; c += LANES) {
            float *column = columns, *to = corner + c;
            int64_t x = -pad, next = x;
            for (int64_t t = 0; t < num; t++) {
                float *window = columns + t * step * SIDE * LANES;
                const float *tile = from + t * channels + c;
                UNROLL for (int i = 0; i < SIDE; i++) {
                    Lanes v[SIDE];
                    UNROLL for (int j = 0; j < SIDE; j++) v[j] = load(tile + (SIDE * i + j) * plane);
                    spectrum_to_window(v, 1);
                    UNROLL for (int j = 0; j < SIDE; j++) {
                        float *sum = window + (SIDE * j + i) * LANES;
                        store(sum, j < SIDE - step && t > 0 ? load(sum) + v[j] : v[j]);
                    }
                }
                next += t + 1 < num ? step : SIDE;
                for (; x < next; x++, to += pitch, column += SIDE * LANES) {
                    call_for(to + SIDE * line, line, c, step, 1);
                    if (x >= 0 && x < s->width) add_column(column, to, line, begin, end, old);
                }
            }
        }
        at.x += (num - 1) * step;
        move_on(s, &at);
    }
    free(columns);
}

/* The transpose of spectrum_of_maps: `grad` is the sum of B m Bt of all tiles; windows overlap. The tiles are whole
 * lines of tiles, and what belongs to an image comes line after line. */
static inline void grad_of_spectrum(const Shape *s, float *grad, int64_t start, int64_t count, const float *from,
                                    int64_t plane) {
    if (step_of(s) == 4)
        grad_of_windows(s, grad, start, count, from, plane, 4);
    else
        grad_of_windows(s, grad, start, count, from, plane, 2);
}
