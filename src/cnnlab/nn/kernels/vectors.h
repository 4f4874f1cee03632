/* Vectors of eight numbers, for which the compiler takes the widest registers there are. */
#ifndef VECTORS_H
#define VECTORS_H
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

enum { LANES = 8 };
typedef float Lanes __attribute__((vector_size(sizeof(float) * LANES)));
typedef int32_t Ints __attribute__((vector_size(sizeof(int32_t) * LANES)));
typedef uint16_t Shorts __attribute__((vector_size(sizeof(uint16_t) * LANES)));
typedef uint8_t Bytes __attribute__((vector_size(LANES)));

#define SPLAT(s) ((Lanes){s, s, s, s, s, s, s, s})

/* Before a loop over a few registers, which have no numbers that a loop could count. */
#define UNROLL _Pragma("GCC unroll 36")

/* The same anywhere in memory. (memcpy says that too, but GCC makes a detour by the stack of it now and then.) */
typedef float Anywhere __attribute__((vector_size(sizeof(float) * LANES), aligned(sizeof(float)), may_alias));

static inline Lanes load(const float *from) { return *(const Anywhere *)from; }

static inline void store(float *to, Lanes v) { *(Anywhere *)to = v; }

/* Past the cache, which has no need of it: memory is not read first, and what lies in the cache stays there. Before
 * other threads may look, `end_past`. */
static inline void store_past(float *to, Lanes v) {
#ifdef __AVX__
    if ((uintptr_t)to % sizeof v == 0) _mm256_stream_ps(to, (__m256)v);
    else
#endif
        store(to, v);
}

static inline void end_past(void) {
#ifdef __AVX__
    _mm_sfence();
#endif
}

/* A value that is in a register from here on: GCC else reads it from memory again wherever it is used. */
static inline Lanes in_register(Lanes v) {
#ifdef __AVX__
    __asm__("" : "+x"(v));
#endif
    return v;
}

static inline Lanes choose(Ints mask, Lanes yes, Lanes no) {
    return (Lanes)(((Ints)yes & mask) | ((Ints)no & ~mask));
}

/* `v` where ReLU lets `like` pass, else 0; what is no number passes, as torch has it. */
static inline Lanes where_passing(Lanes like, Lanes v) { return (Lanes)((Ints)v & ~(like <= 0)); }

/* Square roots, and numbers of fewer bits, which GCC takes one by one where it is not told. */

static inline Lanes roots_of(Lanes v) {
#ifdef __AVX2__
    return (Lanes)_mm256_sqrt_ps((__m256)v);
#else
    for (int n = 0; n < LANES; n++) v[n] = sqrtf(v[n]);
    return v;
#endif
}

/* from[place] of four numbers. */
static inline Lanes pick(const float *from, Ints place) {
#ifdef __AVX2__
    return (Lanes)_mm256_permutevar_ps(_mm256_broadcast_ps((const __m128 *)from), (__m256i)place);
#else
    Lanes v;
    for (int n = 0; n < LANES; n++) v[n] = from[place[n]];
    return v;
#endif
}

/* from[places]. */
static inline Lanes gather(const float *from, Ints places) {
#ifdef __AVX2__
    return (Lanes)_mm256_i32gather_ps(from, (__m256i)places, sizeof *from);
#else
    Lanes v;
    for (int n = 0; n < LANES; n++) v[n] = from[places[n]];
    return v;
#endif
}

static inline Ints load_bytes(const uint8_t *from) {
#ifdef __AVX2__
    return (Ints)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from));
#else
    Bytes v;
    memcpy(&v, from, sizeof v);
    return __builtin_convertvector(v, Ints);
#endif
}

static inline void store_bytes(uint8_t *to, Ints v) {
#ifdef __AVX2__
    const __m256i first = _mm256_set1_epi32(0x0C080400);
    const __m256i bytes = _mm256_shuffle_epi8((__m256i)v, first);
    const __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    _mm_storel_epi64((__m128i *)to, _mm_unpacklo_epi32(low, high));
#else
    const Bytes bytes = __builtin_convertvector(v, Bytes);
    memcpy(to, &bytes, sizeof bytes);
#endif
}

static inline Ints load_shorts(const uint16_t *from) {
#ifdef __AVX2__
    return (Ints)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)from));
#else
    Shorts v;
    memcpy(&v, from, sizeof v);
    return __builtin_convertvector(v, Ints);
#endif
}

/* Of numbers below 65,536. */
static inline void store_shorts(uint16_t *to, Ints v) {
#ifdef __AVX2__
    const __m128i low = _mm256_castsi256_si128((__m256i)v), high = _mm256_extracti128_si256((__m256i)v, 1);
    _mm_storeu_si128((__m128i *)to, _mm_packus_epi32(low, high));
#else
    const Shorts shorts = __builtin_convertvector(v, Shorts);
    memcpy(to, &shorts, sizeof shorts);
#endif
}

/* Numbers of bf16: the upper half of a float. */

static inline Lanes widen(const uint16_t *from) { return (Lanes)(load_shorts(from) << 16); }

/* Of numbers that are bf16 already. */
static inline void halve(uint16_t *to, Lanes v) { store_shorts(to, ((Ints)v >> 16) & 0xFFFF); }

/* Nearest, ties to even; what is no number stays none. Instructions for it take numbers below 1e-38 for 0. */
static inline void narrow(uint16_t *to, Lanes v) {
#if defined(__AVX512BF16__) && defined(__AVX512VL__)
    const __m128bh numbers = _mm256_cvtneps_pbh((__m256)v);
    memcpy(to, &numbers, sizeof numbers);
#else
    const Ints bits = (Ints)v, isnt = v != v;
    const Ints rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
    store_shorts(to, ((rounded & ~isnt) | (0x7FC0 & isnt)) & 0xFFFF);
#endif
}

static inline float *room(int64_t numbers) {
    float *memory = aligned_alloc(64, (numbers * sizeof(float) + 63) / 64 * 64);
    if (memory == NULL) abort(); /* some megabytes, or an image's maps */
    return memory;
}
#endif
