/* json_main.c - reads JSON strictly and prints fields of it, for scripts.
 *
 *   json [FIELD...] < DOCUMENTS
 * stdin holds any number of JSON objects, or arrays of objects, one after the other. For each
 * object one line: the values of the fields, parted by tabs; "a.b" goes down, "a.2" into an array;
 * a field that is not there is "-", null is "null". Without fields it prints the number of objects.
 * Exit code 65 when stdin is not such JSON, or is empty. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const json_t *find(const json_t *value, const char *path)
{
    char step[128];
    while (value != NULL && *path != '\0') {
        const size_t size = strcspn(path, ".");
        if (size >= sizeof(step)) return NULL;
        memcpy(step, path, size);
        step[size] = '\0';
        path += path[size] == '.' ? size + 1 : size;
        value = json_is_array(value) ? json_array_get(value, strtoul(step, NULL, 10))
                                     : json_object_get(value, step);
    }
    return value;
}

static void print_value(const json_t *value)
{
    if (value == NULL) {
        fputs("-", stdout);
    } else if (json_is_string(value)) {
        fputs(json_string_value(value), stdout);
    } else {
        /* 15 digits give back every decimal of that length as it was written: 0.7, not
         * 0.69999999999999996. */
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
        fputs(text == NULL ? "-" : text, stdout);
        free(text);
    }
}

static void print_object(const json_t *object, int count, char **fields)
{
    for (int i = 0; i < count; i++) {
        print_value(find(object, fields[i]));
        putchar(i + 1 < count ? '\t' : '\n');
    }
}

int main(int argc, char **argv)
{
    size_t documents = 0, objects = 0;
    json_error_t error;
    for (;;) {
        int next = getchar();
        while (next == ' ' || next == '\n' || next == '\r' || next == '\t')
            next = getchar();
        if (next == EOF) break;
        ungetc(next, stdin);
        json_t *value = json_loadf(stdin, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
        if (value == NULL) {
            fprintf(stderr, "json: object %zu: %s\n", objects + 1, error.text);
            return 65;
        }
        const size_t items = json_is_array(value) ? json_array_size(value) : 1;
        for (size_t i = 0; i < items; i++) {
            const json_t *object = json_is_array(value) ? json_array_get(value, i) : value;
            print_object(object, argc - 1, argv + 1);
        }
        documents++;
        objects += items;
        json_decref(value);
    }
    if (argc == 1) printf("%zu\n", objects);
    return documents > 0 ? 0 : 65;
}
