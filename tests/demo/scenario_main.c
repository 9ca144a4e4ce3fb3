/* scenario_main.c - makes, splits and publishes scenarios of moving objects.
 *
 *   scenario generate [--nodes 3] [--seconds 29] [--seed 1] [--ships 60] [--lines N]
 *                     [--line-bytes B]
 *       writes reports to stdout, one JSON object a line, in the order received; N lines whatever
 *       the seconds, when --lines is given
 *   scenario split INPUT DIR
 *       one file DIR/NODE.jsonl a station, lines unchanged and in the order of INPUT; prints the
 *       node names
 *   scenario publish --port P --node N [--host H] [--type T] [--id-prefix X] [--priority 0..5|auto]
 *                    [--window W] [--per-second R] [--seconds S] [--receipts FILE] FILE
 *       publishes each line to N's local broker by MQTT 5 until each has a receipt, and prints the
 *       counts; "auto" sends ships in distress with priority 0
 *   scenario pace --per-second R FILE
 *       copies FILE to stdout line by line, so many lines a second
 *   scenario observe FILE
 *       each report as an observation of the track mmsi-N, a line for edge-bridge track put
 *       --lines; the station is its sensor
 * Exit codes: 0 good, 2 usage, 65 a line is not a report, 75 not all has a receipt, 1 else. */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/ids.h"
#include "tests/demo/feeder.h"
#include "tests/demo/generator.h"

enum { EXIT_USAGE = 2, EXIT_MALFORMED = 65, EXIT_AGAIN = 75, STATIONS_MAX = 4096 };

static int usage(const char *what)
{
    fprintf(stderr,
            "scenario: %s\n"
            "usage: scenario generate [--nodes N] [--seconds S] [--seed X] [--ships K] [--lines L] "
            "[--line-bytes B]\n"
            "       scenario split INPUT DIR\n"
            "       scenario publish --port P --node N [--host H] [--type T] [--id-prefix X] "
            "[--priority 0..5|auto] [--window W] [--per-second R] [--seconds S] [--receipts FILE] "
            "FILE\n"
            "       scenario pace --per-second R FILE\n"
            "       scenario observe FILE\n",
            what);
    return EXIT_USAGE;
}

static int failed(const char *what)
{
    fprintf(stderr, "scenario: %s: %s\n", what, strerror(errno));
    return 1;
}

/* ---- generate ---- */

static int generate(int argc, char **argv)
{
    static const struct option options[] = {{"nodes", required_argument, NULL, 'n'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"seed", required_argument, NULL, 'x'},
                                            {"ships", required_argument, NULL, 'k'},
                                            {"line-bytes", required_argument, NULL, 'b'},
                                            {"lines", required_argument, NULL, 'l'},
                                            {0}};
    struct generator_options wanted = {.stations = 3, .ships = 60, .seed = 1};
    unsigned long long seconds = 29, lines = 0;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        const unsigned long long value = option == '?' ? 0 : strtoull(optarg, NULL, 10);
        if (option == 'n') wanted.stations = (unsigned)value;
        if (option == 's') seconds = value;
        if (option == 'x') wanted.seed = value;
        if (option == 'k') wanted.ships = (unsigned)value;
        if (option == 'b') wanted.line_size = value;
        if (option == 'l') lines = value;
        if (option == '?') return usage("unknown option");
    }
    struct generator *generator = generator_open(&wanted);
    if (generator == NULL) return usage("an option is out of bounds");
    const int64_t end_ms = generator_start_ms() + (int64_t)seconds * 1000;
    struct report report;
    for (unsigned long long count = 0; lines == 0 || count < lines; count++) {
        generator_next(generator, &report);
        if (lines == 0 && report.time_ms >= end_ms) break;
        report.line[report.size] = '\n';
        fwrite(report.line, 1, report.size + 1, stdout);
    }
    generator_close(generator);
    return fflush(stdout) == 0 ? 0 : failed("stdout");
}

/* ---- split ---- */

struct split_station {
    char station[64];
    struct node_name node;
    char *text;
    size_t size;
    FILE *file; /* writes to text */
};

static bool node_taken(const struct split_station *stations, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(stations[i].node.text, name) == 0) return true;
    }
    return false;
}

/* Lower case, other characters become "-"; a number behind it where two stations would meet. */
static bool name_station(const struct split_station *stations, size_t count, const char *station,
                         struct node_name *out)
{
    char base[24] = "n-";
    size_t at = 0;
    const size_t skip = strchr("-", station[0]) != NULL ? 2 : 0;
    for (const char *c = station; *c != '\0' && at + skip < sizeof(base) - 1; c++, at++) {
        const char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        const bool good = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
        base[skip + at] = good ? lower : '-';
    }
    base[skip + at] = '\0';
    char name[NODE_NAME_SIZE];
    snprintf(name, sizeof(name), "%s", base);
    for (unsigned number = 2;
         node_taken(stations, count, name) || !ids_node_name_ok(bytes_of_text(name)); number++) {
        if (number > STATIONS_MAX) return false;
        snprintf(name, sizeof(name), "%s-%u", base[0] == '-' ? "n" : base, number);
    }
    return node_name_from(bytes_of_text(name), out) == ST_OK;
}

static struct split_station *find_station(struct split_station *stations, size_t *count,
                                          const char *station)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(stations[i].station, station) == 0) return &stations[i];
    }
    struct split_station *new_one = &stations[*count];
    if (*count == STATIONS_MAX || strlen(station) >= sizeof(new_one->station) ||
        !name_station(stations, *count, station, &new_one->node)) {
        return NULL;
    }
    snprintf(new_one->station, sizeof(new_one->station), "%s", station);
    new_one->file = open_memstream(&new_one->text, &new_one->size);
    if (new_one->file == NULL) return NULL;
    (*count)++;
    return new_one;
}

static int write_station(struct split_station *station, const char *folder)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s.jsonl", folder, station->node.text);
    fclose(station->file);
    FILE *file = fopen(path, "w");
    if (file == NULL) return failed(path);
    const bool written = fwrite(station->text, 1, station->size, file) == station->size;
    free(station->text);
    if (fclose(file) != 0 || !written) return failed(path);
    puts(station->node.text);
    return 0;
}

static int split(int argc, char **argv)
{
    if (argc != 3) return usage("split wants INPUT and DIR");
    FILE *input = fopen(argv[1], "r");
    struct split_station *stations = calloc(STATIONS_MAX, sizeof(*stations));
    if (input == NULL || stations == NULL) return failed(argv[1]);
    size_t count = 0, line_number = 0, capacity = 0;
    char *line = NULL;
    ssize_t size;
    int result = 0;
    while (result == 0 && (size = getline(&line, &capacity, input)) > 0) {
        line_number++;
        json_t *report = json_loadb(line, (size_t)size, JSON_REJECT_DUPLICATES, NULL);
        const char *name = json_string_value(json_object_get(report, "station"));
        struct split_station *station =
            name == NULL || name[0] == '\0' ? NULL : find_station(stations, &count, name);
        if (station == NULL) {
            fprintf(stderr, "scenario: %s:%zu: not a report of a station\n", argv[1], line_number);
            result = EXIT_MALFORMED;
        } else {
            fwrite(line, 1, (size_t)size, station->file);
            if (line[size - 1] != '\n') fputc('\n', station->file);
        }
        json_decref(report);
    }
    for (size_t i = 0; i < count; i++) {
        const int written = write_station(&stations[i], argv[2]);
        if (result == 0) result = written;
    }
    free(line);
    free(stations);
    fclose(input);
    return result;
}

/* ---- publish ---- */

struct lines {
    char *text;
    struct payload *payloads;
    size_t count;
};

static unsigned priority_of(struct bytes line, const char *priority)
{
    if (strcmp(priority, "auto") != 0) return (unsigned)strtoul(priority, NULL, 10);
    json_t *report = json_loadb((const char *)line.data, line.size, 0, NULL);
    const json_int_t nav_status = json_integer_value(json_object_get(report, "nav_status"));
    json_decref(report);
    return nav_status == 14 ? 0 : nav_status == 0 ? 2 : 4;
}

static bool read_lines(const char *path, const char *priority, struct lines *out)
{
    FILE *file = fopen(path, "r");
    size_t size = 0;
    FILE *copy = open_memstream(&out->text, &size);
    if (file == NULL || copy == NULL) return false;
    char chunk[65536];
    size_t got;
    while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
        fwrite(chunk, 1, got, copy);
    fclose(file);
    fclose(copy);
    size_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += out->text[i] == '\n';
    out->payloads = calloc(lines + 1, sizeof(struct payload));
    if (out->payloads == NULL) return false;
    for (char *at = out->text; at < out->text + size;) {
        char *end = memchr(at, '\n', (size_t)(out->text + size - at));
        if (end == NULL) end = out->text + size;
        struct payload *payload = &out->payloads[out->count++];
        payload->bytes = bytes_of(at, (size_t)(end - at));
        payload->priority = priority_of(payload->bytes, priority);
        at = end + 1;
    }
    return true;
}

struct publish_options {
    struct feeder_settings feeder;
    const char *node, *type, *priority, *receipts;
    double seconds;
};

static int publish_lines(struct publish_options *options, const char *path)
{
    struct lines lines = {0};
    char client_id[24], topic[128];
    if (!read_lines(path, options->priority, &lines)) return failed(path);
    snprintf(client_id, sizeof(client_id), "feed-%.18s", options->node);
    snprintf(topic, sizeof(topic), "local/evidence/%s", options->type);
    options->feeder.client_id = client_id;
    options->feeder.topic = topic;
    options->feeder.payloads = lines.payloads;
    options->feeder.payload_count = lines.count;
    if (options->receipts != NULL) {
        options->feeder.receipt_file = fopen(options->receipts, "a");
        if (options->feeder.receipt_file == NULL) return failed(options->receipts);
        setvbuf(options->feeder.receipt_file, NULL, _IOLBF,
                BUFSIZ); /* whole lines, whatever ends us */
    }
    struct feeder *feeder = feeder_open(&options->feeder);
    if (feeder == NULL) return usage("an option is out of bounds");
    const bool all = feeders_run(&feeder, 1, options->seconds);
    const struct feeder_counts *counts = feeder_counts_of(feeder);
    printf("%s: lines %zu accepted %zu duplicates %zu refused %zu repeated %zu connections %zu\n",
           options->node, lines.count, counts->accepted, counts->duplicates, counts->refused,
           counts->repeated, counts->connects);
    if (counts->refused > 0) fprintf(stderr, "scenario: last refusal: %s\n", counts->refusal);
    feeder_close(feeder);
    if (options->feeder.receipt_file != NULL) fclose(options->feeder.receipt_file);
    free(lines.payloads);
    free(lines.text);
    return all ? 0 : EXIT_AGAIN;
}

static int publish(int argc, char **argv)
{
    static const struct option options[] = {{"host", required_argument, NULL, 'h'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"node", required_argument, NULL, 'n'},
                                            {"type", required_argument, NULL, 't'},
                                            {"id-prefix", required_argument, NULL, 'i'},
                                            {"priority", required_argument, NULL, 'q'},
                                            {"window", required_argument, NULL, 'w'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"receipts", required_argument, NULL, 'r'},
                                            {"per-second", required_argument, NULL, 'f'},
                                            {0}};
    struct publish_options wanted = {.feeder = {.host = "127.0.0.1",
                                                .window = 100,
                                                .receipts = true,
                                                .receipt_qos = 1,
                                                .repeat_ms = 2000},
                                     .type = "ais",
                                     .priority = "auto",
                                     .seconds = 60};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') wanted.feeder.host = optarg;
        if (option == 'p') wanted.feeder.port = (int)strtol(optarg, NULL, 10);
        if (option == 'n') wanted.node = optarg;
        if (option == 't') wanted.type = optarg;
        if (option == 'i') wanted.feeder.id_prefix = optarg;
        if (option == 'q') wanted.priority = optarg;
        if (option == 'w') wanted.feeder.window = strtoul(optarg, NULL, 10);
        if (option == 's') wanted.seconds = strtod(optarg, NULL);
        if (option == 'r') wanted.receipts = optarg;
        if (option == 'f') wanted.feeder.per_second = strtod(optarg, NULL);
        if (option == '?') return usage("unknown option");
    }
    if (optind != argc - 1 || wanted.node == NULL || wanted.feeder.port == 0) {
        return usage("publish wants --port, --node and one FILE");
    }
    return publish_lines(&wanted, argv[optind]);
}

/* ---- pace ---- */

static int pace(int argc, char **argv)
{
    if (argc != 4 || strcmp(argv[1], "--per-second") != 0 || strtod(argv[2], NULL) <= 0) {
        return usage("pace wants --per-second R and one FILE");
    }
    const useconds_t pause_us = (useconds_t)(1e6 / strtod(argv[2], NULL));
    FILE *file = fopen(argv[3], "r");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    if (file == NULL) return failed(argv[3]);
    while ((size = getline(&line, &capacity, file)) > 0) {
        if (fwrite(line, 1, (size_t)size, stdout) != (size_t)size || fflush(stdout) != 0) break;
        usleep(pause_us);
    }
    free(line);
    fclose(file);
    return 0;
}

/* ---- observe ---- */

/* Navigational status 0 … 15 of ITU-R M.1371, for a track's classification. */
static const char *status_class(long long status)
{
    static const char *const classes[] = {"under-way",  "at-anchor",   "not-under-command",
                                          "restricted", "constrained", "moored",
                                          "aground",    "fishing",     "under-sail"};
    if (status >= 0 && status < (long long)(sizeof(classes) / sizeof(classes[0])))
        return classes[status];
    return status == 14 ? "distress" : "vessel";
}

static void write_velocity(const json_t *report)
{
    const double radians_per_degree = 0.017453292519943295, ms_per_knot = 1852.0 / 3600;
    const json_t *speed = json_object_get(report, "sog_kn");
    const json_t *course = json_object_get(report, "cog_deg");
    if (!json_is_number(speed) || !json_is_number(course)) return;
    const double ms = json_number_value(speed) * ms_per_knot;
    const double angle = json_number_value(course) * radians_per_degree;
    printf(",\"velocity\":{\"north\":%.3f,\"east\":%.3f,\"up\":0}", ms * cos(angle),
           ms * sin(angle));
}

/* One report as an observation of a track by the station's sensor. */
static bool write_observation(const char *line)
{
    json_t *report = json_loads(line, 0, NULL);
    const json_t *lat = json_object_get(report, "lat"), *lon = json_object_get(report, "lon");
    const char *station = json_string_value(json_object_get(report, "station"));
    const bool good = json_is_number(lat) && json_is_number(lon) && station != NULL;
    if (good) {
        const bool high = json_is_true(json_object_get(report, "high_accuracy"));
        printf("{\"track\":\"mmsi-%lld\",\"position\":{\"lat\":%.7f,\"lon\":%.7f}",
               (long long)json_integer_value(json_object_get(report, "mmsi")),
               json_number_value(lat), json_number_value(lon));
        write_velocity(report);
        printf(",\"position_confidence\":%s,\"classification\":\"%s\","
               "\"classification_confidence\":0.5,\"sensor\":\"%s\"}\n",
               high ? "0.9" : "0.6",
               status_class(json_integer_value(json_object_get(report, "nav_status"))), station);
    }
    json_decref(report);
    return good;
}

static int observe(int argc, char **argv)
{
    if (argc != 2) return usage("observe wants one FILE");
    FILE *file = fopen(argv[1], "r");
    char *line = NULL;
    size_t capacity = 0;
    bool good = true;
    if (file == NULL) return failed(argv[1]);
    while (good && getline(&line, &capacity, file) > 0)
        good = write_observation(line);
    free(line);
    fclose(file);
    return good ? 0 : failed(argv[1]);
}

int main(int argc, char **argv)
{
    if (argc < 2) return usage("which verb?");
    if (strcmp(argv[1], "generate") == 0) return generate(argc - 1, argv + 1);
    if (strcmp(argv[1], "split") == 0) return split(argc - 1, argv + 1);
    if (strcmp(argv[1], "publish") == 0) return publish(argc - 1, argv + 1);
    if (strcmp(argv[1], "pace") == 0) return pace(argc - 1, argv + 1);
    if (strcmp(argv[1], "observe") == 0) return observe(argc - 1, argv + 1);
    return usage("unknown verb");
}
