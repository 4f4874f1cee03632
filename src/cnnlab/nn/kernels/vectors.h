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

/* The same anywhere in memory. (memcpy says that too, but GCC makes a detour by the stack of it now and then.) */
typedef float Anywhere __attribute__((vector_size(sizeof(float) * LANES), aligned(sizeof(float)), may_alias));

static inline Lanes load(const float *from) { return *(const Anywhere *)from; }

static inline void store(float *to, Lanes v) { *(Anywhere *)to = v; }

/* A value that is in a register from here on: GCC else reads it from memory again wherever it is used. */
static inline Lanes in_register(Lanes v) {
#ifdef __AVX__
    __asm__("" : "+x"(v));
#endif
    return v;
}

static inline float *room(int64_t numbers) {
    float *memory = aligned_alloc(64, (numbers * sizeof(float) + 63) / 64 * 64);
    if (memory == NULL) abort(); /* some megabytes at most */
    return memory;
}
#endif
