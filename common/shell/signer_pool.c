/* signer_pool.c - worker threads that take small chunks of the batch until none is left. */
#include "common/shell/signer_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK_JOBS = 8 };

struct signer_pool {
    pthread_mutex_t mutex;
    pthread_cond_t work_there; /* next < count, or closing */
    pthread_cond_t work_done;  /* done == count */
    const struct secret_key *key;
    struct sign_job *jobs;
    size_t count, next, done;
    bool closing;
    unsigned worker_count;
    pthread_t workers[SIGNER_THREADS_MAX];
};

static void sign_range(const struct secret_key *key, struct sign_job *jobs, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        jobs[i].signature = evidence_sign(key, jobs[i].header);
}

/* Signs chunks until none is left. Called with the lock, and returns with it. */
static void sign_chunks(struct signer_pool *pool)
{
    while (pool->next < pool->count) {
        const size_t from = pool->next;
        const size_t left = pool->count - from;
        const size_t to = from + (left < CHUNK_JOBS ? left : CHUNK_JOBS);
        const struct secret_key *key = pool->key;
        struct sign_job *jobs = pool->jobs;
        pool->next = to;
        pthread_mutex_unlock(&pool->mutex);
        sign_range(key, jobs, from, to);
        pthread_mutex_lock(&pool->mutex);
        pool->done += to - from;
        if (pool->done == pool->count) pthread_cond_signal(&pool->work_done);
    }
}

static void *worker(void *argument)
{
    struct signer_pool *pool = argument;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->closing) {
        sign_chunks(pool);
        if (!pool->closing) pthread_cond_wait(&pool->work_there, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static unsigned cores(void)
{
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (online < 1) return 1;
    return online > SIGNER_THREADS_MAX ? SIGNER_THREADS_MAX : (unsigned)online;
}

enum status signer_pool_open(unsigned thread_count, struct signer_pool **out)
{
    struct signer_pool *pool = calloc(1, sizeof *pool);
    *out = NULL;
    if (pool == NULL) return ST_NO_MEMORY;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work_there, NULL);
    pthread_cond_init(&pool->work_done, NULL);
    if (thread_count == 0) thread_count = cores();
    if (thread_count > SIGNER_THREADS_MAX) thread_count = SIGNER_THREADS_MAX;
    /* The caller is one of them. */
    while (pool->worker_count + 1 < thread_count) {
        if (pthread_create(&pool->workers[pool->worker_count], NULL, worker, pool) != 0) {
            signer_pool_close(pool);
            return ST_NO_MEMORY;
        }
        pool->worker_count++;
    }
    *out = pool;
    return ST_OK;
}

void signer_pool_close(struct signer_pool *pool)
{
    if (pool == NULL) return;
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work_there);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->worker_count; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->work_there);
    pthread_cond_destroy(&pool->work_done);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

void signer_pool_sign(void *context, const struct secret_key *key, struct sign_job *jobs,
                      size_t count)
{
    struct signer_pool *pool = context;
    if (count < SIGNER_INLINE_COUNT || pool->worker_count == 0) {
        sign_range(key, jobs, 0, count);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->key = key;
    pool->jobs = jobs;
    pool->count = count;
    pool->next = 0;
    pool->done = 0;
    pthread_cond_broadcast(&pool->work_there);
    sign_chunks(pool);
    while (pool->done < pool->count)
        pthread_cond_wait(&pool->work_done, &pool->mutex);
    pool->count = pool->next = 0;
    pthread_mutex_unlock(&pool->mutex);
}
