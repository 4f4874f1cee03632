/* The first convolution of a network, of images of few channels to many, with the stage behind it (stage.h): ReLU,
 * pooling of 2x2 pixels, local response normalisation and dropout. Its maps, the largest of all, are never written:
 * each four of their pixels are pooled in registers.
 *
 * Arrays lie as N x H x W x C. Kernels lie as depth x K, where depth counts the numbers of a window, kernel x kernel x
 * C; K is a multiple of LANES.
 *
 * What the stage reads and writes is compiled once for each type of numbers, see stage.h; images and kernels are float.
 * Forward, the stage takes its maxima before they are rounded to bf16; on the way back it has only the rounded ones.
 */
#ifndef TYPE

#include "vectors.h"

#define TYPE float
#define REAL float
#define WHOLE int32_t
#define NAME(verb) verb##_opening_float32
#define LOAD load
#define STORE store
#define STORE_PAST store_past
#define ROOTS roots_of
#include "opening.c"

#define TYPE uint16_t
#define REAL float
#define WHOLE int32_t
#define NAME(verb) verb##_opening_bf16
#define LOAD widen
#define STORE narrow
#define STORE_PAST STORE
#define ROOTS roots_of
#include "opening.c"

#else

#include "stage.h"

#ifndef OPENING
#define OPENING

typedef struct {
    Stage stage;                     /* its maps are the convolution's */
    int64_t height, width, channels; /* of the images */
    int64_t kernel, pad;
} Opening;

/* An image in a frame of zeros, with a line and a column more, over which the last window of an odd side stands out;
 * and where each number of a window is. */
typedef struct {
    float *framed;
    int64_t row, depth, *offsets;
} Frame;

static Frame make_frame(const Opening *g) {
    const int64_t row = (g->width + 2 * g->pad + 1) * g->channels, size = (g->height + 2 * g->pad + 1) * row;
    const int64_t run = g->kernel * g->channels, depth = g->kernel * run;
    const Frame frame = {room(size), row, depth, (int64_t *)room(2 * depth)};
    memset(frame.framed, 0, size * sizeof *frame.framed);
    for (int64_t d = 0; d < depth; d++) frame.offsets[d] = d / run * row + d % run;
    return frame;
}

static void put_in_frame(const Opening *g, const Frame *frame, const float *image) {
    const int64_t line = g->width * g->channels;
    float *to = frame->framed + g->pad * (frame->row + g->channels);
    for (int64_t y = 0; y < g->height; y++) memcpy(to + y * frame->row, image + y * line, line * sizeof *to);
}

/* COUNT vectors of one pooled pixel. `there`: the bits of a place that pixels of these maps have. */
#define POOL(COUNT)                                                                                               \
    static void pool_##COUNT(const Opening *g, const Frame *frame, const float *at, const float *w,               \
                             const float *bias, int there, float *tops, uint8_t *places) {                        \
        const int64_t channels = g->stage.channels, right = g->channels, down = frame->row, depth = frame->depth; \
        const int64_t *offsets = frame->offsets;                                                                  \
        Lanes sum[4][COUNT];                                                                                      \
        UNROLL for (int c = 0; c < COUNT; c++) {                                                                  \
            const Lanes start = bias != NULL ? load(bias + c * LANES) : (Lanes){0};                               \
            UNROLL for (int p = 0; p < 4; p++) sum[p][c] = start;                                                 \
        }                                                                                                         \
        for (int64_t d = 0; d < depth; d++, w += channels) {                                                      \
            const float *x = at + offsets[d];                                                                     \
            UNROLL for (int p = 0; p < 4; p++) {                                                                  \
                const float one = x[(p & 1) * right + (p >> 1) * down];                                           \
                UNROLL for (int c = 0; c < COUNT; c++) sum[p][c] += one * load(w + c * LANES);                    \
            }                                                                                                     \
        }                                                                                                         \
        UNROLL for (int c = 0; c < COUNT; c++) {                                                                  \
            Lanes top = sum[0][c];                                                                                \
            Ints place = {0};                                                                                     \
            UNROLL for (int p = 1; p < 4; p++) {                                                                  \
                if (p & ~there) continue;                                                                         \
                /* As torch has it: the first of equals, and what is no number wins. */                           \
                const Ints wins = (sum[p][c] > top) | (sum[p][c] != sum[p][c]);                                   \
                top = choose(wins, sum[p][c], top);                                                               \
                place = (wins & p) | (place & ~wins);                                                             \
            }                                                                                                     \
            const Ints stops = top <= 0; /* not what is no number */                                              \
            store(tops + c * LANES, choose(top < 0, (Lanes){0}, top));                                            \
            store_bytes(places + c * LANES, place | (stops & STOPPED));                                           \
        }                                                                                                         \
    }
POOL(1)
POOL(2)

/* What stands at each number of the windows of a pooled pixel's four pixels: columns x depth x 4. */
static void put_in_table(const Opening *g, const Frame *frame, const float *line, int64_t columns, float *table) {
    const int64_t right = g->channels, down = frame->row;
    for (int64_t j = 0; j < columns; j++, line += 2 * right)
        for (int64_t d = 0; d < frame->depth; d++, table += 4) {
            const float *x = line + frame->offsets[d];
            table[0] = x[0], table[1] = x[right], table[2] = x[down], table[3] = x[down + right];
        }
}

/* TAPS lines of the kernels' gradient from one line of pooled pixels. */
#define GRAD(TAPS)                                                                                                \
    static void grad_##TAPS(int64_t channels, int64_t depth, int64_t columns, const float *table,                 \
                            const float *grad, const uint8_t *places, float *sums) {                              \
        Lanes sum[TAPS];                                                                                          \
        UNROLL for (int t = 0; t < TAPS; t++) sum[t] = load(sums + t * channels);                                 \
        for (int64_t j = 0; j < columns; j++, table += 4 * depth, grad += channels, places += channels) {         \
            const Lanes value = load(grad);                                                                       \
            const Ints place = load_bytes(places) & WHERE;                                                        \
            UNROLL for (int t = 0; t < TAPS; t++) sum[t] += pick(table + 4 * t, place) * value;                   \
        }                                                                                                         \
        UNROLL for (int t = 0; t < TAPS; t++) store(sums + t * channels, sum[t]);                                 \
    }
GRAD(9)
GRAD(4)
GRAD(1)

#endif

/* Images first to last - 1. Arrays: images; kernels; bias, may be NULL; out, top, place and noise as for forward of
 * stage.c. */
void NAME(forward)(const Opening *g, int64_t first, int64_t last, void *const *arrays) {
    const float *images = arrays[0], *kernels = arrays[1], *bias = arrays[2];
    const Stage *s = &g->stage;
    const int64_t channels = s->channels, rows = (s->height + 1) / 2, columns = (s->width + 1) / 2;
    const Frame frame = make_frame(g);
    float *tops = room(columns * channels);
    uint8_t *places = (uint8_t *)room(columns * channels);
    NAME(Room) room;
    memset(&room, 0, sizeof room);
    for (int64_t n = first; n < last; n++) {
        put_in_frame(g, &frame, images + n * g->height * g->width * g->channels);
        for (int64_t i = 0; i < rows; i++) {
            const int below = 2 * i + 1 < s->height ? 2 : 0;
            for (int64_t c = 0, num; c < channels; c += num) {
                num = channels - c >= 2 * LANES ? 2 * LANES : LANES;
                for (int64_t j = 0; j < columns; j++) {
                    const float *at = frame.framed + 2 * (i * frame.row + j * g->channels);
                    const int there = below | (2 * j + 1 < s->width ? 1 : 0);
                    (num == LANES ? pool_1 : pool_2)(g, &frame, at, kernels + c, bias == NULL ? NULL : bias + c, there,
                                                     tops + j * channels + c, places + j * channels + c);
                }
            }
            for (int64_t j = 0, count; j < columns; j += count) {
                const int64_t at = ((n * rows + i) * columns + j) * channels;
                count = pixels_at_once(s, columns - j);
                NAME(finish)(s, &room, tops + j * channels, places + j * channels, count, at, arrays[3], arrays[4],
                            arrays[5], arrays[6]);
            }
        }
    }
    end_past();
    free(frame.framed), free(frame.offsets), free(tops), free(places);
}

/* Images first to last - 1. Arrays: images; grad_out, top and place as for backward of stage.c; sums, for each image:
 * the gradient of the kernels, then that of the bias. */
void NAME(backward)(const Opening *g, int64_t first, int64_t last, void *const *arrays) {
    const float *images = arrays[0];
    const uint8_t *places = arrays[3];
    const Stage *s = &g->stage;
    const int64_t channels = s->channels, rows = (s->height + 1) / 2, columns = (s->width + 1) / 2;
    const Frame frame = make_frame(g);
    const int64_t num = (frame.depth + 1) * channels;
    float *grad = room(columns * channels), *table = room(columns * frame.depth * 4);
    NAME(Room) room;
    memset(&room, 0, sizeof room);
    for (int64_t n = first; n < last; n++) {
        float *sums = (float *)arrays[4] + n * num, *bias = sums + num - channels;
        memset(sums, 0, num * sizeof *sums);
        put_in_frame(g, &frame, images + n * g->height * g->width * g->channels);
        for (int64_t i = 0; i < rows; i++) {
            put_in_table(g, &frame, frame.framed + 2 * i * frame.row, columns, table);
            const int64_t at = (n * rows + i) * columns * channels;
            for (int64_t j = 0, count; j < columns; j += count) {
                count = pixels_at_once(s, columns - j);
                NAME(begin)(s, &room, grad + j * channels, count, at + j * channels, arrays[1], arrays[2], places);
            }
            for (int64_t j = 0; j < columns; j++)
                for (int64_t c = 0; c < channels; c += LANES)
                    store(bias + c, load(bias + c) + load(grad + j * channels + c));
            for (int64_t c = 0; c < channels; c += LANES)
                for (int64_t d = 0, taps; d < frame.depth; d += taps) {
                    const int64_t left = frame.depth - d;
                    taps = left >= 9 ? 9 : left >= 4 ? 4 : 1;
                    (taps == 9 ? grad_9 : taps == 4 ? grad_4 : grad_1)(channels, frame.depth, columns, table + 4 * d,
                                                                       grad + c, places + at + c,
                                                                       sums + d * channels + c);
                }
        }
    }
    free(frame.framed), free(frame.offsets), free(grad), free(table);
}

#include "type_ends.h"

#endif
