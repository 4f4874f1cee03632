/* Convolutions of few channels, with ReLU and pooling of 2x2 pixels behind them; and the way back.
 *
 * A vector holds the same number of LANES images, one image in each lane: so every lane is at work however few
 * the channels are, and a convolution is written as for one image. Maps lie as N x H x W x C; a group of LANES
 * images is interleaved first, H x W x C vectors with a frame of zeros, and the outcome put back in order.
 *
 * With pooling, `place` tells where each maximum was, 0 to 3, or NOWHERE if ReLU lets nothing through; it stays
 * interleaved, a byte for each image. Kernels lie as kernel x (kernel * channels) x out_channels.
 */
#include "lanes.h"

enum { NOWHERE = 4, MOST_PLACES = 8 };

typedef struct {
    int64_t images, height, width, channels;
    int64_t out_height, out_width, out_channels; /* of the convolution */
    int64_t kernel, stride, pad;
    int64_t is_pooled, is_rectified; /* the largest of 2x2, after ReLU */
} Conv;

/* For i in A and j in B: what is given of i is kept in registers, and what is of j is taken one by one. With the
 * smaller number in registers and twelve sums there are just enough of those. */
#define PAIRS(A, B, KEEP, TAKE, ADD)                                                                           \
    do {                                                                                                       \
        Lanes kept[A];                                                                                         \
        UNROLL for (int i = 0; i < A; i++) kept[i] = KEEP;                                                     \
        UNROLL for (int j = 0; j < B; j++) {                                                                   \
            Lanes one = in_register(TAKE);                                                                     \
            UNROLL for (int i = 0; i < A; i++) ADD += kept[i] * one;                                           \
        }                                                                                                      \
    } while (0)

/* PLACES places and COUNT channels of a convolution: every window is `kernel` runs of `run` vectors. */
#define TILE(COUNT, PLACES)                                                                                    \
    static void tile_##COUNT(const float *const *at, const float *restrict w, const float *bias, int64_t kernel, \
                             int64_t run, int64_t row, int64_t channels, float *restrict out) {                \
        Lanes sum[PLACES][COUNT];                                                                              \
        for (int p = 0; p < PLACES; p++)                                                                       \
            for (int c = 0; c < COUNT; c++) sum[p][c] = SPLAT(bias[c]);                                        \
        for (int64_t k = 0; k < kernel; k++)                                                                   \
            for (int64_t r = 0; r < run; r++, w += channels) {                                                 \
                const int64_t x = k * row + r * LANES;                                                         \
                if (COUNT < PLACES)                                                                            \
                    PAIRS(COUNT, PLACES, SPLAT(w[i]), load(at[j] + x), sum[j][i]);                             \
                else                                                                                           \
                    PAIRS(PLACES, COUNT, load(at[i] + x), SPLAT(w[j]), sum[i][j]);                             \
            }                                                                                                  \
        for (int p = 0; p < PLACES; p++)                                                                       \
            for (int c = 0; c < COUNT; c++) store(out + (p * channels + c) * LANES, sum[p][c]);                \
    }
TILE(1, 8)
TILE(2, 6)
TILE(3, 4)
TILE(4, 3)
static void (*const TILES[])(const float *const *, const float *, const float *, int64_t, int64_t, int64_t, int64_t,
                             float *) = {NULL, tile_1, tile_2, tile_3, tile_4};
static const int PLACES[] = {0, 8, 6, 4, 3}; /* twelve sums or so: as many as there are registers for */

/* Channels are taken four by four; 5 and 6 are left as 3 + 2 and 3 + 3, which keeps more registers at work. */
static inline int next_count(int64_t left) { return left == 3 || left == 5 || left == 6 ? 3 : left > 3 ? 4 : left; }

/* out[place][channel] of `count` places; `base` tells where their windows begin. Writes up to MOST_PLACES more. */
static void convolve(const float *framed, const int64_t *base, int64_t count, const float *w, const float *bias,
                     int64_t kernel, int64_t run, int64_t row, int64_t channels, float *restrict out) {
    static const float none[4];
    for (int64_t c = 0, num; c < channels; c += num) {
        num = next_count(channels - c);
        for (int64_t p = 0; p < count; p += PLACES[num]) {
            const float *at[MOST_PLACES];
            for (int i = 0; i < PLACES[num]; i++) at[i] = framed + base[p + i < count ? p + i : count - 1];
            TILES[num](at, w + c, bias == NULL ? none : bias + c, kernel, run, row, channels,
                       out + (p * channels + c) * LANES);
        }
    }
}

/* Where the windows of all places begin. */
static int64_t *all_bases(int64_t height, int64_t width, int64_t stride, int64_t row, int64_t step) {
    int64_t *base = (int64_t *)room(2 * height * width);
    for (int64_t y = 0, p = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++, p++) base[p] = y * stride * row + x * stride * step;
    return base;
}

/* The largest of 2x2, and ReLU: one line of results from one or two lines of maps. */
static void pool(const Conv *g, int64_t y, const float *lines, float *restrict out, uint8_t *restrict place) {
    const int64_t channels = g->out_channels, width = g->out_width;
    for (int64_t x = 0; x < width; x += 2)
        for (int64_t c = 0; c < channels; c++, out += LANES, place += LANES) {
            const float *corner = lines + (x * channels + c) * LANES;
            Lanes top = load(corner);
            Ints where = {0};
            for (int p = 1; p < 4; p++) {
                if ((p & 1 && x + 1 == width) || (p & 2 && y + 1 == g->out_height)) continue;
                const Lanes v = load(corner + ((p >> 1) * width + (p & 1)) * channels * LANES);
                const Ints wins = (v > top) | (v != v); /* the first of equals; what is no number wins */
                top = choose(wins, v, top);
                where = (wins & p) | (where & ~wins);
            }
            if (g->is_rectified) {
                const Ints stops = top <= 0; /* not what is no number */
                where = (where & ~stops) | (NOWHERE & stops);
                top = choose(top < 0, (Lanes){0}, top);
            }
            store(out, top);
            store_bytes(place, where);
        }
}

/* Groups first to last - 1. Arrays: maps; the kernels, k x k x C x K; bias, may be NULL; out, N x H x W x C of the
 * convolution, or of its halves, rounded up; place of each largest, if pooled. */
void lanes_forward(const Conv *g, int64_t first, int64_t last, void *const *arrays) {
    const float *restrict maps = arrays[0], *restrict w = arrays[1], *restrict bias = arrays[2];
    float *restrict out = arrays[3];
    uint8_t *restrict place = arrays[4];
    const int64_t step = g->channels * LANES, row = (g->width + 2 * g->pad) * step, lines = g->is_pooled ? 2 : 1;
    const int64_t channels = g->out_channels, width = g->is_pooled ? (g->out_width + 1) / 2 : g->out_width;
    const int64_t height = g->is_pooled ? (g->out_height + 1) / 2 : g->out_height, line = width * channels;
    float *framed = room((g->height + 2 * g->pad) * row);
    float *made = room((lines * g->out_width + MOST_PLACES) * channels * LANES), *pooled = room(line * LANES);
    int64_t *base = all_bases(g->out_height, g->out_width, g->stride, row, step);
    memset(framed, 0, (g->height + 2 * g->pad) * row * sizeof *framed);
    for (int64_t group = first; group < last; group++) {
        const int64_t from = group * LANES, images = g->images - from < LANES ? g->images - from : LANES;
        interleave_framed(maps + from * g->height * g->width * g->channels, images, g->height, g->width, g->channels,
                          g->pad, row, framed);
        for (int64_t y = 0; y < height; y++) {
            const int64_t left = g->out_height - y * lines, num = left < lines ? left : lines;
            convolve(framed, base + y * lines * g->out_width, num * g->out_width, w, bias, g->kernel,
                     g->kernel * g->channels, row, channels, made);
            if (g->is_pooled) pool(g, 2 * y, made, pooled, place + (group * height + y) * line * LANES);
            put_in_order(g->is_pooled ? pooled : made, height * line, images, line, out + (from * height + y) * line);
        }
    }
    free(framed), free(made), free(pooled), free(base);
}

/* grads[run][channel] += x[run] * dy[channel], over lines of places. */
#define GRAD(COUNT, RUN)                                                                                       \
    static void grad_##COUNT##_##RUN(const float *dy, const float *x, int64_t lines, int64_t width,            \
                                     const int64_t *by, int64_t channels, float *grads) {                      \
        Lanes sum[RUN][COUNT];                                                                                 \
        for (int r = 0; r < RUN; r++)                                                                          \
            for (int c = 0; c < COUNT; c++) sum[r][c] = load(grads + (r * channels + c) * LANES);              \
        for (int64_t y = 0; y < lines; y++)                                                                    \
            for (int64_t place = 0; place < width; place++) {                                                  \
                const float *d = dy + y * by[0] + place * by[1], *from = x + y * by[2] + place * by[3];        \
                if (COUNT < RUN)                                                                               \
                    PAIRS(COUNT, RUN, load(d + i * LANES), load(from + j * LANES), sum[j][i]);                 \
                else                                                                                           \
                    PAIRS(RUN, COUNT, load(from + i * LANES), load(d + j * LANES), sum[i][j]);                 \
            }                                                                                                  \
        for (int r = 0; r < RUN; r++)                                                                          \
            for (int c = 0; c < COUNT; c++) store(grads + (r * channels + c) * LANES, sum[r][c]);              \
    }
GRAD(1, 8)
GRAD(2, 5)
GRAD(3, 4)
GRAD(4, 3)
GRAD(1, 1)
GRAD(2, 1)
GRAD(3, 1)
GRAD(4, 1)
typedef void Grad(const float *, const float *, int64_t, int64_t, const int64_t *, int64_t, float *);
static Grad *const WHOLE[] = {NULL, grad_1_8, grad_2_5, grad_3_4, grad_4_3};
static Grad *const SINGLE[] = {NULL, grad_1_1, grad_2_1, grad_3_1, grad_4_1};
static const int RUNS[] = {0, 8, 5, 4, 3};

/* The gradient of the convolution's maps from that of the halves, in place. */
static void unpool(const Conv *g, const float *grad, const uint8_t *place, int64_t row, float *restrict dy) {
    const int64_t channels = g->out_channels;
    for (int64_t y = 0; y < g->out_height; y += 2)
        for (int64_t x = 0; x < g->out_width; x += 2)
            for (int64_t c = 0; c < channels; c++, grad += LANES, place += LANES) {
                const Ints where = load_bytes(place);
                const Lanes v = load(grad);
                for (int p = 0; p < 4; p++) {
                    if ((p & 1 && x + 1 == g->out_width) || (p & 2 && y + 1 == g->out_height)) continue;
                    store(dy + (y + (p >> 1)) * row + ((x + (p & 1)) * channels + c) * LANES,
                          choose(where == p, v, (Lanes){0}));
                }
            }
}

/* Groups first to last - 1. Arrays: maps; grad_out and place, as forward's; `turned`, the kernels half a turn on,
 * with channels for out_channels; grad_maps, as maps, may be NULL as `turned` then is; sums, for each group: the
 * gradient of the kernels, then that of the bias. */
void lanes_backward(const Conv *g, int64_t first, int64_t last, void *const *arrays) {
    const float *restrict maps = arrays[0], *restrict grad_out = arrays[1], *restrict turned = arrays[3];
    const uint8_t *restrict place = arrays[2];
    float *restrict grad_maps = arrays[4], *restrict sums = arrays[5];
    const int64_t channels = g->out_channels, step = g->channels * LANES, row = (g->width + 2 * g->pad) * step;
    const int64_t run = g->kernel * g->channels, num_w = g->kernel * run * channels;
    const int64_t halves = g->is_pooled ? 2 : 1, height = (g->out_height + halves - 1) / halves;
    const int64_t line = (g->out_width + halves - 1) / halves * channels;
    /* The frame that a convolution of the gradient by the turned kernels needs. */
    const int64_t frame = grad_maps == NULL ? 0 : g->kernel - 1 - g->pad;
    const int64_t dstep = channels * LANES, drow = (g->out_width + 2 * frame) * dstep;
    const int64_t by[] = {drow, dstep, g->stride * row, g->stride * step};
    float *framed = room((g->height + 2 * g->pad) * row), *grads = room((num_w + channels) * LANES);
    float *framed_dy = room((g->out_height + 2 * frame) * drow), *dy = framed_dy + frame * (drow + dstep);
    float *pooled = room(height * line * LANES), *made = room((g->width + MOST_PLACES) * step);
    int64_t *base = all_bases(g->height, g->width, 1, drow, dstep);
    memset(framed, 0, (g->height + 2 * g->pad) * row * sizeof *framed);
    memset(framed_dy, 0, (g->out_height + 2 * frame) * drow * sizeof *framed_dy);
    for (int64_t group = first; group < last; group++) {
        const int64_t from = group * LANES, images = g->images - from < LANES ? g->images - from : LANES;
        interleave_framed(maps + from * g->height * g->width * g->channels, images, g->height, g->width, g->channels,
                          g->pad, row, framed);
        if (g->is_pooled) {
            interleave(grad_out + from * height * line, height * line, images, height * line, pooled);
            unpool(g, pooled, place + group * height * line * LANES, drow, dy);
        } else {
            interleave_framed(grad_out + from * height * line, images, height, g->out_width, channels, frame, drow,
                              framed_dy);
        }
        memset(grads, 0, (num_w + channels) * LANES * sizeof *grads);
        for (int64_t c = 0; c < channels; c++) {
            Lanes sum = {0};
            for (int64_t y = 0; y < g->out_height; y++)
                for (int64_t x = 0; x < g->out_width; x++) sum += load(dy + y * drow + x * dstep + c * LANES);
            store(grads + (num_w + c) * LANES, sum);
        }
        for (int64_t k = 0; k < g->kernel; k++)
            for (int64_t c = 0, num; c < channels; c += num) {
                /* Runs of five, those of a grey image, are taken whole with two channels. */
                num = run == RUNS[2] && channels - c > 1 ? 2 : next_count(channels - c);
                for (int64_t r = 0, width; r < run; r += width) {
                    width = run - r >= RUNS[num] ? RUNS[num] : 1;
                    (width > 1 ? WHOLE : SINGLE)[num](dy + c * LANES, framed + k * row + r * LANES, g->out_height,
                                                      g->out_width, by, channels,
                                                      grads + ((k * run + r) * channels + c) * LANES);
                }
            }
        for (int64_t i = 0; i < num_w + channels; i++) {
            float sum = 0;
            for (int n = 0; n < LANES; n++) sum += grads[i * LANES + n];
            sums[group * (num_w + channels) + i] = sum;
        }
        for (int64_t y = 0; grad_maps != NULL && y < g->height; y++) {
            const int64_t count = g->width * g->channels;
            convolve(framed_dy, base + y * g->width, g->width, turned, NULL, g->kernel, g->kernel * channels, drow,
                     g->channels, made);
            put_in_order(made, g->height * count, images, count, grad_maps + (from * g->height + y) * count);
        }
    }
    free(framed), free(grads), free(framed_dy), free(pooled), free(made), free(base);
}
