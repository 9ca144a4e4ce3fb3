/* inbox.c - a ring of records under one mutex, with an eventfd as its bell.
 *
 * Positions only grow; position % capacity is the offset. read <= taken <= written:
 *   [read, taken)     borrowed by the loop's batch
 *   [taken, written)  waiting
 * A record never wraps: a SKIP record fills the end of the ring when the next one would. */
#include "common/shell/inbox.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/check.h"

enum {
    RECORD_ALIGN = 16,
    PART_COUNT = 7,
    KIND_SKIP = INBOX_KIND_COUNT,
    GIVE_BACK_BYTES = 1024 * 1024, /* a burst beyond this is given back when the ring is empty */
};

struct record {
    uint32_t size; /* whole record, a multiple of RECORD_ALIGN */
    uint32_t kind;
    uint32_t generation;
    uint32_t token;
    uint32_t part_sizes[PART_COUNT];
    uint16_t receive_maximum;
    uint8_t reason_code;
    uint8_t link;
    uint8_t session_present;
    uint8_t found;
    uint8_t retained;
};
_Static_assert(sizeof(struct record) <= INBOX_NOTE_OVERHEAD_MAX, "the documented overhead holds");

struct inbox {
    pthread_mutex_t mutex;
    uint8_t *ring;
    size_t capacity;
    size_t count_max;
    uint64_t read, taken, written;
    uint64_t high_water; /* highest written since the ring was last empty */
    size_t count;        /* notes in [taken, written) */
    uint64_t dropped_count;
    bool bell_rung;
    int bell_fd;
};

enum status inbox_open(size_t messages_bytes_max, size_t messages_count_max, struct inbox **out)
{
    struct inbox *inbox = calloc(1, sizeof *inbox);
    *out = NULL;
    if (inbox == NULL) return ST_NO_MEMORY;
    const size_t wanted = messages_bytes_max + INBOX_RESERVE_BYTES;
    inbox->capacity = (wanted + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
    inbox->count_max = messages_count_max;
    inbox->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    inbox->ring = mmap(NULL, inbox->capacity, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    pthread_mutex_init(&inbox->mutex, NULL);
    if (inbox->ring == MAP_FAILED || inbox->bell_fd < 0) {
        inbox_close(inbox);
        return ST_NO_MEMORY;
    }
    *out = inbox;
    return ST_OK;
}

void inbox_close(struct inbox *inbox)
{
    if (inbox == NULL) return;
    if (inbox->ring != MAP_FAILED) munmap(inbox->ring, inbox->capacity);
    if (inbox->bell_fd >= 0) close(inbox->bell_fd);
    pthread_mutex_destroy(&inbox->mutex);
    free(inbox);
}

static void parts_of(const struct inbox_note *note, struct bytes parts[PART_COUNT])
{
    const struct mqtt_message *message = &note->message;
    parts[0] = message->topic;
    parts[1] = message->payload;
    parts[2] = message->response_topic;
    parts[3] = message->correlation;
    parts[4] = message->user_priority;
    parts[5] = message->user_id;
    parts[6] = note->reason;
}

static void record_write(uint8_t *at, const struct inbox_note *note, size_t size)
{
    struct bytes parts[PART_COUNT];
    struct record record = {
        .size = (uint32_t)size,
        .kind = note->kind,
        .generation = note->generation,
        .token = note->token,
        .receive_maximum = note->receive_maximum,
        .reason_code = note->reason_code,
        .link = (uint8_t)note->link,
        .session_present = note->session_present,
        .found = note->found,
        .retained = note->message.retained,
    };
    uint8_t *to = at + sizeof record;
    parts_of(note, parts);
    for (size_t i = 0; i < PART_COUNT; i++) {
        record.part_sizes[i] = (uint32_t)parts[i].size;
        if (parts[i].size > 0) memcpy(to, parts[i].data, parts[i].size);
        to += parts[i].size;
    }
    memcpy(at, &record, sizeof record);
}

/* The offset for a record of this size, or false. Writes the SKIP record where one is needed. */
static bool space_find(struct inbox *inbox, size_t size, size_t room, size_t *offset)
{
    const size_t used = (size_t)(inbox->written - inbox->read);
    const size_t at = (size_t)(inbox->written % inbox->capacity);
    const size_t skip = inbox->capacity - at < size ? inbox->capacity - at : 0;
    if (used + skip + size > room) return false;
    if (skip > 0) {
        const uint32_t filler[2] = {(uint32_t)skip, KIND_SKIP};
        memcpy(inbox->ring + at, filler, sizeof filler);
        inbox->written += skip;
    }
    *offset = (size_t)(inbox->written % inbox->capacity);
    return true;
}

bool inbox_put(struct inbox *inbox, const struct inbox_note *note)
{
    struct bytes parts[PART_COUNT];
    size_t size = sizeof(struct record);
    size_t offset = 0;
    bool ring_bell = false;
    parts_of(note, parts);
    for (size_t i = 0; i < PART_COUNT; i++)
        size += parts[i].size;
    size = (size + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;

    pthread_mutex_lock(&inbox->mutex);
    const bool message = note->kind == INBOX_MESSAGE;
    const size_t room = message ? inbox->capacity - INBOX_RESERVE_BYTES : inbox->capacity;
    const bool fits =
        (!message || inbox->count < inbox->count_max) && space_find(inbox, size, room, &offset);
    if (fits) {
        record_write(inbox->ring + offset, note, size);
        inbox->written += size;
        if (inbox->written > inbox->high_water) inbox->high_water = inbox->written;
        inbox->count++;
        ring_bell = !inbox->bell_rung;
        inbox->bell_rung = true;
    } else {
        inbox->dropped_count++;
    }
    pthread_mutex_unlock(&inbox->mutex);
    if (ring_bell) {
        const uint64_t one = 1;
        INVARIANT(write(inbox->bell_fd, &one, sizeof one) == sizeof one);
    }
    return fits;
}

int inbox_wakeup_fd(const struct inbox *inbox)
{
    return inbox->bell_fd;
}

void inbox_wakeup_seen(struct inbox *inbox)
{
    uint64_t count;
    pthread_mutex_lock(&inbox->mutex);
    /* A put may have set bell_rung without having written yet: then the bell rings once more than
     * needed, which is harmless; never once less. */
    const ssize_t got = read(inbox->bell_fd, &count, sizeof count);
    (void)got;
    inbox->bell_rung = false;
    pthread_mutex_unlock(&inbox->mutex);
}

static void record_read(const uint8_t *at, struct inbox_note *out)
{
    struct record record;
    memcpy(&record, at, sizeof record);
    struct bytes parts[PART_COUNT];
    const uint8_t *from = at + sizeof record;
    for (size_t i = 0; i < PART_COUNT; i++) {
        parts[i] = bytes_of(from, record.part_sizes[i]);
        from += record.part_sizes[i];
    }
    *out = (struct inbox_note){
        .kind = (enum inbox_kind)record.kind,
        .link = (enum link)record.link,
        .generation = record.generation,
        .token = record.token,
        .receive_maximum = record.receive_maximum,
        .reason_code = record.reason_code,
        .session_present = record.session_present != 0,
        .found = record.found != 0,
        .message = {.topic = parts[0],
                    .payload = parts[1],
                    .response_topic = parts[2],
                    .correlation = parts[3],
                    .user_priority = parts[4],
                    .user_id = parts[5],
                    .retained = record.retained != 0},
        .reason = parts[6],
    };
}

bool inbox_take(struct inbox *inbox, struct inbox_note *out)
{
    pthread_mutex_lock(&inbox->mutex);
    const bool some = inbox->count > 0;
    const uint8_t *at = NULL;
    if (some) {
        uint32_t head[2];
        at = inbox->ring + inbox->taken % inbox->capacity;
        memcpy(head, at, sizeof head);
        if (head[1] == KIND_SKIP) {
            inbox->taken += head[0];
            at = inbox->ring + inbox->taken % inbox->capacity;
            memcpy(head, at, sizeof head);
        }
        inbox->taken += head[0];
        inbox->count--;
    }
    pthread_mutex_unlock(&inbox->mutex);
    /* Outside the lock: nobody writes to what is taken until it is released. */
    if (some) record_read(at, out);
    return some;
}

void inbox_release(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    inbox->read = inbox->taken;
    if (inbox->count == 0) {
        if (inbox->high_water > GIVE_BACK_BYTES) {
            const size_t used =
                inbox->high_water < inbox->capacity ? (size_t)inbox->high_water : inbox->capacity;
            madvise(inbox->ring, used, MADV_DONTNEED);
        }
        inbox->read = inbox->taken = inbox->written = inbox->high_water = 0;
    }
    pthread_mutex_unlock(&inbox->mutex);
}

bool inbox_is_empty(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    const bool empty = inbox->count == 0;
    pthread_mutex_unlock(&inbox->mutex);
    return empty;
}

uint64_t inbox_dropped_count(struct inbox *inbox)
{
    pthread_mutex_lock(&inbox->mutex);
    const uint64_t count = inbox->dropped_count;
    pthread_mutex_unlock(&inbox->mutex);
    return count;
}
