/* ask_main.c - publishes one payload to a local broker and prints the receipt as it came.
 *
 *   ask PORT TOPIC FILE [--id ID] [--priority P] [--correlation C]
 * Exit code 75 when no receipt came within five seconds. (mosquitto_rr 2.0.11 can send neither a
 * file nor its standard input.) */
#include <getopt.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAYLOAD_MAX = 1024 * 1024, WAIT_LOOPS = 500 };

struct question {
    const char *topic, *id, *priority, *correlation;
    uint8_t *payload;
    size_t size;
    char response_topic[64];
    bool answered;
};

static void on_subscribe(struct mosquitto *client, void *context, int message_id, int count,
                         const int *granted, const mosquitto_property *from_broker)
{
    const struct question *question = context;
    mosquitto_property *list = NULL;
    (void)message_id;
    (void)count;
    (void)granted;
    (void)from_broker;
    if (question->id != NULL) {
        mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, "id", question->id);
    }
    if (question->priority != NULL) {
        mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, "priority",
                                           question->priority);
    }
    if (question->correlation != NULL) {
        mosquitto_property_add_binary(&list, MQTT_PROP_CORRELATION_DATA, question->correlation,
                                      (uint16_t)strlen(question->correlation));
    }
    mosquitto_property_add_string(&list, MQTT_PROP_RESPONSE_TOPIC, question->response_topic);
    mosquitto_publish_v5(client, NULL, question->topic, (int)question->size, question->payload, 1,
                         false, list);
    mosquitto_property_free_all(&list);
}

static void on_message(struct mosquitto *client, void *context,
                       const struct mosquitto_message *message, const mosquitto_property *list)
{
    struct question *question = context;
    (void)client;
    (void)list;
    printf("%.*s\n", message->payloadlen, (const char *)message->payload);
    question->answered = true;
}

static void on_connect(struct mosquitto *client, void *context, int reason, int flags,
                       const mosquitto_property *list)
{
    const struct question *question = context;
    (void)flags;
    (void)list;
    if (reason == 0) mosquitto_subscribe_v5(client, NULL, question->response_topic, 1, 0, NULL);
}

static bool read_payload(const char *path, struct question *question)
{
    FILE *file = fopen(path, "r");
    question->payload = malloc(PAYLOAD_MAX);
    if (file == NULL || question->payload == NULL) return false;
    question->size = fread(question->payload, 1, PAYLOAD_MAX, file);
    fclose(file);
    return true;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"id", required_argument, NULL, 'i'},
                                            {"priority", required_argument, NULL, 'p'},
                                            {"correlation", required_argument, NULL, 'c'},
                                            {0}};
    struct question question = {0};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'i') question.id = optarg;
        if (option == 'p') question.priority = optarg;
        if (option == 'c') question.correlation = optarg;
    }
    if (argc - optind != 3 || !read_payload(argv[optind + 2], &question)) {
        fputs("usage: ask PORT TOPIC FILE [--id ID] [--priority P] [--correlation C]\n", stderr);
        return 2;
    }
    question.topic = argv[optind + 1];
    snprintf(question.response_topic, sizeof(question.response_topic), "answer/%d", (int)getpid());
    mosquitto_lib_init();
    struct mosquitto *client = mosquitto_new(NULL, true, &question);
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_connect_v5_callback_set(client, on_connect);
    mosquitto_subscribe_v5_callback_set(client, on_subscribe);
    mosquitto_message_v5_callback_set(client, on_message);
    if (mosquitto_connect(client, "127.0.0.1", (int)strtol(argv[optind], NULL, 10), 30) != 0) {
        fputs("ask: cannot connect\n", stderr);
        return 1;
    }
    for (int i = 0; i < WAIT_LOOPS && !question.answered; i++)
        mosquitto_loop(client, 10, 1);
    mosquitto_disconnect(client);
    mosquitto_loop(client, 10, 1); /* the PUBACK of the receipt too */
    mosquitto_destroy(client);
    free(question.payload);
    return question.answered ? 0 : 75;
}
