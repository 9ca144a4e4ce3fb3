/* resolver.c - getaddrinfo on one worker thread that may be left behind. */
#include "common/shell/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/check.h"

struct resolver {
    pthread_mutex_t mutex;
    struct inbox *inbox;
    enum link link;
    bool running;  /* the thread lives and will look at asked once more */
    bool asked;    /* a question waits */
    bool orphaned; /* closed: the thread frees this */
    uint32_t generation;
    char host[HOST_SIZE_MAX];
};

enum status resolver_open(struct inbox *inbox, enum link link, struct resolver **out)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    *out = resolver;
    if (resolver == NULL) return ST_NO_MEMORY;
    pthread_mutex_init(&resolver->mutex, NULL);
    resolver->inbox = inbox;
    resolver->link = link;
    return ST_OK;
}

static void resolver_free(struct resolver *resolver)
{
    pthread_mutex_destroy(&resolver->mutex);
    free(resolver);
}

void resolver_close(struct resolver *resolver)
{
    if (resolver == NULL) return;
    pthread_mutex_lock(&resolver->mutex);
    const bool running = resolver->running;
    resolver->orphaned = true;
    pthread_mutex_unlock(&resolver->mutex);
    if (!running) resolver_free(resolver);
}

bool host_is_numeric(const char *host)
{
    uint8_t address[16];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* IPv4 first: where a name has both, a broker that listens on one only listens on IPv4. */
static size_t addresses_write(const struct addrinfo *list, char *out, size_t out_size)
{
    static const int families[] = {AF_INET, AF_INET6};
    size_t size = 0;
    size_t count = 0;
    for (size_t f = 0; f < COUNT_OF(families); f++) {
        for (const struct addrinfo *one = list; one != NULL; one = one->ai_next) {
            char text[ADDRESS_TEXT_SIZE];
            if (one->ai_family != families[f] || count == RESOLVED_ADDRESSES_MAX) continue;
            if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, NULL, 0,
                            NI_NUMERICHOST) != 0)
                continue;
            const size_t text_size = strlen(text) + 1;
            if (size + text_size > out_size) continue;
            memcpy(out + size, text, text_size);
            size += text_size;
            count++;
        }
    }
    return size;
}

static void answer(struct resolver *resolver, const char *host, uint32_t generation)
{
    char addresses[RESOLVED_ADDRESSES_MAX * ADDRESS_TEXT_SIZE];
    char reason[HOST_SIZE_MAX + 128];
    struct addrinfo *list = NULL;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    const int error = getaddrinfo(host, NULL, &hints, &list);
    const size_t size = error == 0 ? addresses_write(list, addresses, sizeof addresses) : 0;
    if (list != NULL) freeaddrinfo(list);
    snprintf(reason, sizeof reason, "the host name %s cannot be resolved: %s", host,
             error != 0 ? gai_strerror(error) : "it has no address");
    const struct inbox_note note = {
        .kind = INBOX_RESOLVED,
        .link = resolver->link,
        .generation = generation,
        .found = size > 0,
        .message = {.payload = bytes_of(addresses, size)},
        .reason = size > 0 ? BYTES_EMPTY : bytes_of_text(reason),
    };
    /* Under the lock, so that the inbox cannot be closed between the look and the put. */
    pthread_mutex_lock(&resolver->mutex);
    if (!resolver->orphaned) inbox_put(resolver->inbox, &note);
    pthread_mutex_unlock(&resolver->mutex);
}

static void *worker(void *argument)
{
    struct resolver *resolver = argument;
    for (;;) {
        char host[HOST_SIZE_MAX];
        pthread_mutex_lock(&resolver->mutex);
        const bool orphaned = resolver->orphaned;
        const bool go_on = resolver->asked && !orphaned;
        const uint32_t generation = resolver->generation;
        memcpy(host, resolver->host, sizeof host);
        resolver->asked = false;
        if (!go_on) resolver->running = false;
        pthread_mutex_unlock(&resolver->mutex);
        if (go_on) {
            answer(resolver, host, generation);
            continue;
        }
        if (orphaned) resolver_free(resolver);
        return NULL;
    }
}

enum status resolver_ask(struct resolver *resolver, const char *host, uint32_t generation)
{
    pthread_t thread;
    pthread_attr_t detached;
    INVARIANT(strlen(host) < sizeof resolver->host);
    pthread_mutex_lock(&resolver->mutex);
    const bool start = !resolver->running;
    resolver->running = true;
    resolver->asked = true;
    resolver->generation = generation;
    memcpy(resolver->host, host, strlen(host) + 1);
    pthread_mutex_unlock(&resolver->mutex);
    if (!start) return ST_OK;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    const int error = pthread_create(&thread, &detached, worker, resolver);
    pthread_attr_destroy(&detached);
    if (error == 0) return ST_OK;
    pthread_mutex_lock(&resolver->mutex);
    resolver->running = false;
    resolver->asked = false;
    pthread_mutex_unlock(&resolver->mutex);
    return ST_NO_MEMORY;
}
