/* Several threads for one kernel: torch's own where it computes with GNU OpenMP.
 *
 * Those are awake when a kernel begins, and wait for work for a while after one: threads beside them would have
 * to share the cores with their waiting. Elsewhere each call starts threads and ends them.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

typedef void Kernel(const void *record, int64_t first, int64_t last, void *const *arrays);

typedef struct {
    Kernel *kernel;
    const void *record;
    void *const *arrays;
    int64_t num;
} Work;

typedef struct {
    const Work *work;
    int64_t part, parts;
} Part;

static void do_part(const Work *w, int64_t part, int64_t parts) {
    const int64_t first = w->num * part / parts, last = w->num * (part + 1) / parts;
    if (first < last) w->kernel(w->record, first, last, w->arrays);
}

typedef void Parallel(void (*)(void *), void *, unsigned, unsigned);
typedef int Number(void);
static Parallel *openmp_parallel;
static Number *openmp_part, *openmp_parts;

static void find_openmp(void) {
    void *process = dlopen(NULL, RTLD_LAZY);
    if (process == NULL) return;
    openmp_part = (Number *)dlsym(process, "omp_get_thread_num");
    openmp_parts = (Number *)dlsym(process, "omp_get_num_threads");
    if (openmp_part != NULL && openmp_parts != NULL) openmp_parallel = (Parallel *)dlsym(process, "GOMP_parallel");
}

/* Tell whether torch's threads can be borrowed. */
int has_torch_threads(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_openmp);
    return openmp_parallel != NULL;
}

static void openmp_thread(void *work) { do_part(work, openmp_part(), openmp_parts()); }

static void *own_thread(void *argument) {
    const Part *p = argument;
    do_part(p->work, p->part, p->parts);
    return NULL;
}

/* Part 0 is the caller's; where a thread cannot be had the caller does its part too. */
static void run_own_threads(const Work *work, int64_t parts) {
    pthread_t *threads = malloc(parts * sizeof *threads);
    Part *part = malloc(parts * sizeof *part);
    int64_t begun = 1;
    for (; threads != NULL && part != NULL && begun < parts; begun++) {
        part[begun] = (Part){work, begun, parts};
        if (pthread_create(threads + begun, NULL, own_thread, part + begun) != 0) break;
    }
    do_part(work, 0, parts);
    for (int64_t left = begun; left < parts; left++) do_part(work, left, parts);
    for (int64_t i = 1; i < begun; i++) pthread_join(threads[i], NULL);
    free(threads), free(part);
}

/* Call a kernel for items 0 to num - 1, as many for each thread; they are torch's if `borrows`. */
void run_team(Kernel *kernel, const void *record, int64_t num, void *const *arrays, int64_t threads, int borrows) {
    const Work work = {kernel, record, arrays, num};
    if (threads == 1)
        do_part(&work, 0, 1);
    else if (borrows && has_torch_threads())
        openmp_parallel(openmp_thread, (void *)&work, threads, 0);
    else
        run_own_threads(&work, threads < num ? threads : num);
}
