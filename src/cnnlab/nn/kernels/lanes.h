/* Eight images of a batch, one in each lane of a vector: into that order and out of it. */
#include "vectors.h"

#ifdef __clang__
#define PICK __builtin_shufflevector
#else /* GCC has that one from 12 on only */
#define PICK(a, b, ...) __builtin_shuffle(a, b, (Ints){__VA_ARGS__})
#endif

/* Rows become columns. */
static inline void transpose(Lanes *v) {
    Lanes a[LANES], b[LANES];
    for (int i = 0; i < LANES; i += 2) {
        a[i] = PICK(v[i], v[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        a[i + 1] = PICK(v[i], v[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < LANES; i += 4)
        for (int j = 0; j < 2; j++) {
            b[i + 2 * j] = PICK(a[i + j], a[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            b[i + 2 * j + 1] = PICK(a[i + j], a[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < LANES / 2; i++) {
        v[i] = PICK(b[i], b[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        v[i + 4] = PICK(b[i], b[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

/* to[i] = number i of each image; lanes without an image are 0. Images are `by` numbers apart. */
static void interleave(const float *from, int64_t by, int64_t images, int64_t count, float *restrict to) {
    int64_t i = 0;
    for (; images == LANES && i + LANES <= count; i += LANES) {
        Lanes v[LANES];
        for (int n = 0; n < LANES; n++) v[n] = load(from + n * by + i);
        transpose(v);
        for (int n = 0; n < LANES; n++) store(to + (i + n) * LANES, v[n]);
    }
    for (; i < count; i++)
        for (int n = 0; n < LANES; n++) to[i * LANES + n] = n < images ? from[n * by + i] : 0;
}

/* The reverse. */
static void put_in_order(const float *restrict from, int64_t by, int64_t images, int64_t count, float *to) {
    int64_t i = 0;
    for (; images == LANES && i + LANES <= count; i += LANES) {
        Lanes v[LANES];
        for (int n = 0; n < LANES; n++) v[n] = load(from + (i + n) * LANES);
        transpose(v);
        for (int n = 0; n < LANES; n++) store(to + n * by + i, v[n]);
    }
    for (; i < count; i++)
        for (int n = 0; n < images; n++) to[n * by + i] = from[i * LANES + n];
}

/* Interleaved maps of a group in a frame of zeros, `row` numbers from line to line; the frame is there. */
static void interleave_framed(const float *maps, int64_t images, int64_t height, int64_t width, int64_t channels,
                              int64_t pad, int64_t row, float *restrict to) {
    const int64_t line = width * channels;
    for (int64_t y = 0; y < height; y++)
        interleave(maps + y * line, height * line, images, line, to + (y + pad) * row + pad * channels * LANES);
}
