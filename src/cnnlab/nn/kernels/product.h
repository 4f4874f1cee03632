/* Products of small matrices that lie in the cache. */
#include "vectors.h"

/* Vectors in the widest registers, and how many lines of two of them stay there together with what they take. */
#ifdef __AVX512F__
enum { WIDE = 16, MOST_ROWS = 12 };
#else
enum { WIDE = 8, MOST_ROWS = 6 };
#endif
typedef float Wide __attribute__((vector_size(sizeof(float) * WIDE)));

/* out = left right, or out += left right. Lines are `down` apart, numbers of a line of `left` `along`. */
typedef struct {
    int64_t rows, columns, depth;
    const float *left;
    int64_t left_down, left_along;
    const float *right;
    int64_t right_down;
    float *out;
    int64_t out_down;
    int adds;
} Product;

/* ROWS lines of COUNT vectors of the result, which stay in registers until all of `depth` is added. */
#define BLOCK(TYPE, ROWS, COUNT)                                                                                  \
do {                                                                                                              \
    enum { WIDTH = sizeof(TYPE) / sizeof(float) };                                                                \
    TYPE sum[ROWS][COUNT], line[COUNT], was;                                                                      \
    const float *left = m->left + i * m->left_down, *right = m->right + j;                                        \
    float *out = m->out + i * m->out_down + j;                                                                    \
    UNROLL for (int r = 0; r < ROWS; r++)                                                                         \
        UNROLL for (int c = 0; c < COUNT; c++) sum[r][c] = (TYPE){0};                                             \
    for (int64_t k = 0; k < depth; k++) {                                                                         \
        UNROLL for (int c = 0; c < COUNT; c++) memcpy(&line[c], right + k * right_down + c * WIDTH, sizeof was);  \
        UNROLL for (int r = 0; r < ROWS; r++) {                                                                   \
            const float one = left[r * left_down + k * left_along];                                               \
            UNROLL for (int c = 0; c < COUNT; c++) sum[r][c] += one * line[c];                                    \
        }                                                                                                         \
    }                                                                                                             \
    UNROLL for (int r = 0; r < ROWS; r++)                                                                         \
        UNROLL for (int c = 0; c < COUNT; c++) {                                                                  \
            float *to = out + r * out_down + c * WIDTH;                                                           \
            if (adds) {                                                                                           \
                memcpy(&was, to, sizeof was);                                                                     \
                sum[r][c] += was;                                                                                 \
            }                                                                                                     \
            memcpy(to, &sum[r][c], sizeof was);                                                                   \
        }                                                                                                         \
} while (0)

/* All lines of some columns of the result. */
#define COLUMNS(NAME, TYPE, COUNT)                                                                                \
    static void NAME(const Product *m, int64_t j) {                                                               \
        const int64_t left_down = m->left_down, left_along = m->left_along, right_down = m->right_down;           \
        const int64_t out_down = m->out_down, depth = m->depth;                                                   \
        const int adds = m->adds;                                                                                 \
        int64_t i = 0;                                                                                            \
        for (; i + MOST_ROWS <= m->rows; i += MOST_ROWS) BLOCK(TYPE, MOST_ROWS, COUNT);                           \
        for (; i + 4 <= m->rows; i += 4) BLOCK(TYPE, 4, COUNT);                                                   \
        for (; i + 2 <= m->rows; i += 2) BLOCK(TYPE, 2, COUNT);                                                   \
        for (; i < m->rows; i++) BLOCK(TYPE, 1, COUNT);                                                           \
    }
COLUMNS(two_wide, Wide, 2)
COLUMNS(one_wide, Wide, 1)
#ifdef __AVX512F__
COLUMNS(half_wide, Lanes, 1)
#endif

/* Columns come in multiples of LANES. */
static void multiply(const Product *m) {
    int64_t j = 0;
    for (; j + 2 * WIDE <= m->columns; j += 2 * WIDE) two_wide(m, j);
    for (; j + WIDE <= m->columns; j += WIDE) one_wide(m, j);
#ifdef __AVX512F__
    for (; j < m->columns; j += LANES) half_wide(m, j);
#endif
}
