/* The transforms of Winograd's minimal filtering F(4x4, 3x3), and their transposes, which the way back needs.
 *
 * A convolution of 3x3 in tiles of 4x4 outputs: each 6x6 window of the maps becomes 36 numbers, in which the
 * convolution is a matrix product over channels: 36 multiplications where there were 144. Matrices as in Lavin
 * and Gray, arXiv:1509.09308, section 4.1: outputs At [(G g Gt) * (Bt d B)] A.
 *
 * Maps lie as N x H x W x C, spectra as 36 x rows x C: one row for each tile, and one more at the end that keeps
 * the 36 planes from lying a power of two apart, where they would take each other's place in the first cache.
 * Channels come in multiples of LANES.
 */
#include <stdint.h>
#include <string.h>

enum { TAPS = 3, STEP = 4, SIDE = 6, POINTS = 36, LANES = 8, C_MAX = 2048 };
typedef float Lanes __attribute__((vector_size(sizeof(float) * LANES)));

typedef struct {
    int64_t height, width, channels; /* of the maps */
    int64_t rows;                    /* of one plane of the spectrum */
} Tiling;

static inline Lanes load(const float *from) {
    Lanes v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline void store(float *to, Lanes v) { memcpy(to, &v, sizeof v); }

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

/* out = At v: six values to four */
static inline void spectrum_to_outputs(const Lanes *v, Lanes *out, int by) {
    const Lanes a = v[0], b = v[by], c = v[2 * by], d = v[3 * by], e = v[4 * by], f = v[5 * by];
    const Lanes bc = b + c, de = d + e, b_c = b - c, d_e = d - e;
    out[0] = a + bc + de;
    out[by] = b_c + 2 * d_e;
    out[2 * by] = bc + 4 * de;
    out[3 * by] = b_c + 8 * d_e + f;
}

/* out = A v: four values to six */
static inline void outputs_to_spectrum(const Lanes *v, Lanes *out, int by) {
    const Lanes a = v[0], b = v[by], c = v[2 * by], d = v[3 * by];
    const Lanes even = a + c, odd = b + d, even4 = a + 4 * c, odd8 = 2 * b + 8 * d;
    out[0] = a;
    out[by] = even + odd;
    out[2 * by] = even - odd;
    out[3 * by] = even4 + odd8;
    out[4 * by] = even4 - odd8;
    out[5 * by] = d;
}

/* out = G v: three values to six */
static inline void kernel_to_spectrum(const Lanes *v, Lanes *out, int by) {
    const Lanes a = v[0], b = v[by], c = v[2 * by], even = (a + c) * (1 / 6.0f), odd = b * (1 / 6.0f);
    const Lanes even2 = a * (1 / 24.0f) + c * (1 / 6.0f), odd2 = b * (1 / 12.0f);
    out[0] = a * 0.25f;
    out[by] = -even - odd;
    out[2 * by] = odd - even;
    out[3 * by] = even2 + odd2;
    out[4 * by] = even2 - odd2;
    out[5 * by] = c;
}

/* out = Gt v: six values to three */
static inline void spectrum_to_kernel(const Lanes *v, Lanes *out, int by) {
    const Lanes bc = (v[by] + v[2 * by]) * (1 / 6.0f), de = (v[3 * by] + v[4 * by]) * (1 / 6.0f);
    const Lanes b_c = (v[by] - v[2 * by]) * (1 / 6.0f), d_e = (v[3 * by] - v[4 * by]) * (1 / 12.0f);
    out[0] = v[0] * 0.25f - bc + de * 0.25f;
    out[by] = d_e - b_c;
    out[2 * by] = de - bc + v[5 * by];
}

static inline int is_inside(const Tiling *t, int64_t y, int64_t x) {
    return y >= 0 && y < t->height && x >= 0 && x < t->width;
}

static const float zeros[C_MAX];

static inline int64_t place(const Tiling *t, int64_t n, int64_t y, int64_t x) {
    return ((n * t->height + y) * t->width + x) * t->channels;
}

/* Tiles of images first to last - 1: `y` and `x` are a tile's first output, `at` its place in a plane. */
#define FOR_TILES                                                              \
    const int64_t down = (t->height + STEP - 1) / STEP;                        \
    const int64_t across = (t->width + STEP - 1) / STEP;                       \
    const int64_t channels = t->channels, plane = t->rows * channels;          \
    int64_t at = first * down * across * channels;                             \
    for (int64_t n = first; n < last; n++)                                     \
        for (int64_t y = 0; y < STEP * down; y += STEP)                        \
            for (int64_t x = 0; x < STEP * across; x += STEP, at += channels)

#define FOR_CHANNELS for (int64_t c = 0; c < channels; c += LANES)

/* spectrum = Bt maps B */
void spectrum_of_maps(const Tiling *t, int64_t first, int64_t last, void *const *arrays) {
    const float *restrict maps = arrays[0];
    float *restrict spectrum = arrays[1];
    FOR_TILES {
        const float *from[POINTS];
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++)
                from[SIDE * i + j] =
                    is_inside(t, y + i - 1, x + j - 1) ? maps + place(t, n, y + i - 1, x + j - 1) : zeros;
        FOR_CHANNELS {
            Lanes v[POINTS];
            for (int p = 0; p < POINTS; p++) v[p] = load(from[p] + c);
            for (int j = 0; j < SIDE; j++) window_to_spectrum(v + j, SIDE);
            for (int i = 0; i < SIDE; i++) window_to_spectrum(v + SIDE * i, 1);
            for (int p = 0; p < POINTS; p++) store(spectrum + p * plane + at + c, v[p]);
        }
    }
}

/* maps = At spectrum A + bias, which may be NULL */
void maps_of_spectrum(const Tiling *t, int64_t first, int64_t last, void *const *arrays) {
    float *restrict maps = arrays[0];
    const float *restrict spectrum = arrays[1], *restrict bias = arrays[2] != NULL ? arrays[2] : zeros;
    FOR_TILES {
        const int64_t end_y = t->height - y < STEP ? t->height - y : STEP;
        const int64_t end_x = t->width - x < STEP ? t->width - x : STEP;
        float *to = maps + place(t, n, y, x);
        FOR_CHANNELS {
            Lanes v[POINTS], half[STEP * SIDE];
            for (int p = 0; p < POINTS; p++) v[p] = load(spectrum + p * plane + at + c);
            for (int j = 0; j < SIDE; j++) spectrum_to_outputs(v + j, half + j, SIDE);
            const Lanes more = load(bias + c);
            for (int i = 0; i < end_y; i++) {
                Lanes line[STEP];
                spectrum_to_outputs(half + SIDE * i, line, 1);
                for (int j = 0; j < end_x; j++) store(to + (i * t->width + j) * channels + c, line[j] + more);
            }
        }
    }
}

/* The transpose of maps_of_spectrum: spectrum = A grad At. Its plane SIDE + 1 holds the sum of each tile. */
void spectrum_of_grad(const Tiling *t, int64_t first, int64_t last, void *const *arrays) {
    const float *restrict grad = arrays[0];
    float *restrict spectrum = arrays[1];
    FOR_TILES {
        const float *from[STEP * STEP];
        for (int i = 0; i < STEP; i++)
            for (int j = 0; j < STEP; j++)
                from[STEP * i + j] = is_inside(t, y + i, x + j) ? grad + place(t, n, y + i, x + j) : zeros;
        FOR_CHANNELS {
            Lanes in[STEP * STEP], half[SIDE * STEP], v[POINTS];
            for (int p = 0; p < STEP * STEP; p++) in[p] = load(from[p] + c);
            for (int j = 0; j < STEP; j++) outputs_to_spectrum(in + j, half + j, STEP);
            for (int i = 0; i < SIDE; i++) outputs_to_spectrum(half + STEP * i, v + SIDE * i, 1);
            for (int p = 0; p < POINTS; p++) store(spectrum + p * plane + at + c, v[p]);
        }
    }
}

/* The transpose of spectrum_of_maps: grad = the sum over tiles of B spectrum Bt, where windows overlap. */
void grad_of_spectrum(const Tiling *t, int64_t first, int64_t last, void *const *arrays) {
    float *restrict grad = arrays[0];
    const float *restrict spectrum = arrays[1];
    memset(grad + place(t, first, 0, 0), 0, (place(t, last, 0, 0) - place(t, first, 0, 0)) * sizeof *grad);
    FOR_TILES {
        const int start_y = y == 0, start_x = x == 0;
        const int64_t end_y = t->height - y + 1 < SIDE ? t->height - y + 1 : SIDE;
        const int64_t end_x = t->width - x + 1 < SIDE ? t->width - x + 1 : SIDE;
        float *to = grad + place(t, n, y - 1, x - 1);
        FOR_CHANNELS {
            Lanes v[POINTS];
            for (int p = 0; p < POINTS; p++) v[p] = load(spectrum + p * plane + at + c);
            for (int j = 0; j < SIDE; j++) spectrum_to_window(v + j, SIDE);
            for (int i = 0; i < SIDE; i++) spectrum_to_window(v + SIDE * i, 1);
            for (int i = start_y; i < end_y; i++)
                for (int j = start_x; j < end_x; j++) {
                    float *pixel = to + (i * t->width + j) * channels + c;
                    store(pixel, load(pixel) + v[SIDE * i + j]);
                }
        }
    }
}

/* spectrum = G kernels Gt, for kernels first to last - 1, which lie as K x 3 x 3 x C: a row for each. */
void spectrum_of_kernels(const Tiling *t, int64_t first, int64_t last, void *const *arrays) {
    const float *restrict kernels = arrays[0];
    float *restrict spectrum = arrays[1];
    const int64_t channels = t->channels, plane = t->rows * channels;
    for (int64_t k = first; k < last; k++)
        FOR_CHANNELS {
            Lanes g[TAPS * TAPS], half[TAPS * SIDE], v[POINTS];
            for (int p = 0; p < TAPS * TAPS; p++) g[p] = load(kernels + (k * TAPS * TAPS + p) * channels + c);
            for (int i = 0; i < TAPS; i++) kernel_to_spectrum(g + TAPS * i, half + SIDE * i, 1);
            for (int j = 0; j < SIDE; j++) kernel_to_spectrum(half + j, v + j, SIDE);
            for (int p = 0; p < POINTS; p++) store(spectrum + p * plane + k * channels + c, v[p]);
        }
}

/* The transpose of spectrum_of_kernels: grad = Gt spectrum G. */
void grad_of_kernels(const Tiling *t, int64_t first, int64_t last, void *const *arrays) {
    float *restrict grad = arrays[0];
    const float *restrict spectrum = arrays[1];
    const int64_t channels = t->channels, plane = t->rows * channels;
    for (int64_t k = first; k < last; k++)
        FOR_CHANNELS {
            Lanes v[POINTS], half[TAPS * SIDE], g[TAPS * TAPS];
            for (int p = 0; p < POINTS; p++) v[p] = load(spectrum + p * plane + k * channels + c);
            for (int j = 0; j < SIDE; j++) spectrum_to_kernel(v + j, half + j, SIDE);
            for (int i = 0; i < TAPS; i++) spectrum_to_kernel(half + SIDE * i, g + TAPS * i, 1);
            for (int p = 0; p < TAPS * TAPS; p++) store(grad + (k * TAPS * TAPS + p) * channels + c, g[p]);
        }
}
