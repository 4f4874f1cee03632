/* Batches of training images: bytes to normalised numbers, and images turned, moved and slanted.
 *
 * Images lie as N x C x H x W, bytes; batches as N x H x W x C.
 */
#include "vectors.h"

typedef struct {
    int64_t channels, height, width;
} Images;

/* Images first to last - 1 of a batch. Arrays: images, of which those are chosen by the second, int64; what is taken off
 * each channel and what it is multiplied by then; out. */
void images_chosen(const Images *g, int64_t first, int64_t last, void *const *arrays) {
    const int64_t *chosen = arrays[1], channels = g->channels, pixels = g->height * g->width, size = pixels * channels;
    const float *mean = arrays[2], *scale = arrays[3];
    for (int64_t n = first; n < last; n++)
        for (int64_t c = 0; c < channels; c++) {
            const uint8_t *from = (const uint8_t *)arrays[0] + chosen[n] * size + c * pixels;
            float *to = (float *)arrays[4] + n * size + c;
            const float off = mean[c], by = scale[c];
            if (channels == 1) /* which the compiler makes vectors of */
                for (int64_t p = 0; p < pixels; p++) to[p] = ((float)from[p] - off) * by;
            else
                for (int64_t p = 0; p < pixels; p++) to[p * channels] = ((float)from[p] - off) * by;
        }
}

/* A place along an axis of so many pixels, from -1 and 1 at its edges to pixels of a frame that begins one before the
 * first: what lies further out is all the same. */
static inline Lanes in_frame(Lanes place, int64_t pixels) {
    const float size = pixels;
    const Lanes at = ((place + 1) * size + 1) * 0.5f;
    return choose(at > 0, choose(at < size + 1, at, SPLAT(size + 1)), (Lanes){0});
}

/* Images first to last - 1. Arrays: images; for each the map of places in the new image to those in the old one, 2 x 3;
 * what is taken off and multiplied by, as above; what lies outside, normalised, for each channel; out. */
void images_mapped(const Images *g, int64_t first, int64_t last, void *const *arrays) {
    const int64_t channels = g->channels, height = g->height, width = g->width;
    const int64_t row = width + 3, plane = (height + 3) * row, lanes = (width + LANES - 1) / LANES * LANES;
    const float *mean = arrays[2], *scale = arrays[3], *outside = arrays[4];
    float *frame = room(channels * plane), *across = room(2 * lanes);
    memset(frame, 0, channels * plane * sizeof *frame);
    for (int64_t n = first; n < last; n++) {
        const uint8_t *from = (const uint8_t *)arrays[0] + n * channels * height * width;
        const float *map = (const float *)arrays[1] + 6 * n;
        for (int64_t c = 0; c < channels; c++)
            for (int64_t y = 0; y < height; y++) {
                float *to = frame + c * plane + (y + 1) * row + 1;
                const uint8_t *line = from + (c * height + y) * width;
                const float off = mean[c], by = scale[c], out = outside[c];
                for (int64_t x = 0; x < width; x++) to[x] = ((float)line[x] - off) * by - out;
            }
        for (int64_t x = 0; x < lanes; x++) {
            const float u = (2.0f * x + 1) / width - 1;
            across[x] = map[0] * u + map[2], across[lanes + x] = map[3] * u + map[5];
        }
        for (int64_t y = 0; y < height; y++) {
            const float v = (2.0f * y + 1) / height - 1;
            float *to = (float *)arrays[5] + (n * height + y) * width * channels;
            for (int64_t x = 0; x < width; x += LANES) {
                const Lanes right = in_frame(load(across + x) + map[1] * v, width);
                const Lanes down = in_frame(load(across + lanes + x) + map[4] * v, height);
                const Ints column = __builtin_convertvector(right, Ints), line = __builtin_convertvector(down, Ints);
                const Lanes a = right - __builtin_convertvector(column, Lanes);
                const Lanes b = down - __builtin_convertvector(line, Lanes);
                const Ints at = line * (int32_t)row + column;
                const int64_t left = width - x < LANES ? width - x : LANES;
                for (int64_t c = 0; c < channels; c++) {
                    const float *four = frame + c * plane;
                    const Lanes above = gather(four, at) * (1 - a) + gather(four + 1, at) * a;
                    const Lanes below = gather(four + row, at) * (1 - a) + gather(four + row + 1, at) * a;
                    const Lanes value = above * (1 - b) + below * b + outside[c];
                    if (channels == 1 && left == LANES) store(to + x, value);
                    else
                        for (int64_t one = 0; one < left; one++) to[(x + one) * channels + c] = value[one];
                }
            }
        }
    }
    free(frame), free(across);
}
