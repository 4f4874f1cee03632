/* Vectors of eight numbers, for which the compiler takes the widest registers there are. */
#ifndef VECTORS_H
#define VECTORS_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8 };
typedef float Lanes __attribute__((vector_size(sizeof(float) * LANES)));

/* Before a loop over a few registers, which have no numbers that a loop could count. */
#define UNROLL _Pragma("GCC unroll 36")

static inline Lanes load(const float *from) {
    Lanes v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline void store(float *to, Lanes v) { memcpy(to, &v, sizeof v); }

static inline float *room(int64_t numbers) {
    float *memory = aligned_alloc(64, (numbers * sizeof(float) + 63) / 64 * 64);
    if (memory == NULL) abort(); /* some megabytes at most */
    return memory;
}
#endif
