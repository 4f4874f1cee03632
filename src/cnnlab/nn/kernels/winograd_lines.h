/* The transforms of Winograd's minimal filtering F(4, 3) and F(2, 5) along one line, and their transposes.
 *
 * Matrices for 3 taps as in Lavin and Gray, arXiv:1509.09308, section 4.1. Those for 5 have the same points: 0, 1, -1,
 * 2, -2 and infinity. So B is the same, the lines of G are the same powers up to the fourth, and A has two columns.
 */
#include "vectors.h"

enum { SIDE = 6 };

/* The six values of a line, `by` apart. */
#define SIX_VALUES                                                                                                \
    const Lanes a = in_register(v[0]), b = in_register(v[by]), c = in_register(v[2 * by]);                        \
    const Lanes d = in_register(v[3 * by]), e = in_register(v[4 * by]), f = in_register(v[5 * by])

/* For functions of a number that is known where they are called. */
#define KNOWN static inline __attribute__((always_inline))

/* v = Bt v, for six values `by` apart */
static inline void window_to_spectrum(Lanes *v, int by) {
    SIX_VALUES;
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
    SIX_VALUES;
    const Lanes bc = b + c, de = d + e, cb = c - b, ed = e - d;
    v[0] = 4 * a;
    v[by] = 4 * (cb + f) + 2 * ed;
    v[2 * by] = -5 * a - 4 * bc - de;
    v[3 * by] = -cb - 2 * ed - 5 * f;
    v[4 * by] = a + bc + de;
    v[5 * by] = f;
}

/* out = At v: six values to a tile's line, `by` and `to` apart */
KNOWN void spectrum_to_outputs(const Lanes *v, int by, Lanes *out, int to, int step) {
    SIX_VALUES;
    const Lanes bc = b + c, de = d + e, b_c = b - c, d_e = d - e;
    out[0] = a + bc + de;
    out[to] = b_c + 2 * d_e;
    if (step == 2) {
        out[to] += f;
        return;
    }
    out[2 * to] = bc + 4 * de;
    out[3 * to] = b_c + 8 * d_e + f;
}

/* out = A v: a tile's line to six values */
KNOWN void outputs_to_spectrum(const Lanes *v, int by, Lanes *out, int to, int step) {
    const Lanes a = in_register(v[0]), b = in_register(v[by]);
    Lanes even = a, odd = b, even4 = a, odd8 = 2 * b, last = b;
    if (step == 4) {
        const Lanes c = in_register(v[2 * by]), d = in_register(v[3 * by]);
        even = a + c, odd = b + d, even4 = a + 4 * c, odd8 = 2 * b + 8 * d, last = d;
    }
    out[0] = a;
    out[to] = even + odd;
    out[2 * to] = even - odd;
    out[3 * to] = even4 + odd8;
    out[4 * to] = even4 - odd8;
    out[5 * to] = last;
}

/* out = G v: a kernel's line to six values */
KNOWN void kernel_to_spectrum(const Lanes *v, int by, Lanes *out, int to, int taps) {
    const Lanes a = v[0], b = v[by], c = v[2 * by];
    Lanes even = a + c, odd = b, even2 = a + 4 * c, odd2 = 2 * b, last = c; /* at 1, and at 2 */
    if (taps == 5) {
        const Lanes d = v[3 * by], e = v[4 * by];
        even += e, odd += d, even2 += 16 * e, odd2 += 8 * d, last = e;
    }
    out[0] = a * 0.25f;
    out[to] = (even + odd) * (-1 / 6.0f);
    out[2 * to] = (even - odd) * (-1 / 6.0f);
    out[3 * to] = (even2 + odd2) * (1 / 24.0f);
    out[4 * to] = (even2 - odd2) * (1 / 24.0f);
    out[5 * to] = last;
}

/* out = Gt v: six values to a kernel's line */
KNOWN void spectrum_to_kernel(const Lanes *v, int by, Lanes *out, int to, int taps) {
    const Lanes even = (v[by] + v[2 * by]) * (1 / 6.0f), even2 = (v[3 * by] + v[4 * by]) * (1 / 24.0f);
    const Lanes odd = (v[by] - v[2 * by]) * (1 / 6.0f), odd2 = (v[3 * by] - v[4 * by]) * (1 / 24.0f);
    out[0] = v[0] * 0.25f - even + even2;
    out[to] = 2 * odd2 - odd;
    out[2 * to] = 4 * even2 - even;
    if (taps == 5) {
        out[3 * to] = 8 * odd2 - odd;
        out[4 * to] = 16 * even2 - even;
    }
    out[(taps - 1) * to] += v[5 * by];
}
