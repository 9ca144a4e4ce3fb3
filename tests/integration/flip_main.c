/* flip_main.c - flips one bit of a file, as a forger or a failing disk would.
 *
 *   flip FILE NEEDLE OFFSET [BIT]
 * NEEDLE is hexadecimal; the bit 0..7 (default 0) of the byte OFFSET bytes after the start of the
 * needle is flipped (OFFSET may be negative), at every place where the needle occurs: a database
 * leaves old copies of its rows in unused parts of its pages. NEEDLE "-" stands for the start of
 * the file. Prints the offset of each byte. Exit code 3 when there is no such needle or byte. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"

enum { NEEDLE_SIZE_MAX = 4096, EXIT_USAGE = 2, EXIT_NOT_FOUND = 3 };

static int failed(const char *what)
{
    fprintf(stderr, "flip: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    static uint8_t needle[NEEDLE_SIZE_MAX];
    if (argc != 4 && argc != 5) {
        fputs("usage: flip FILE NEEDLE OFFSET [BIT]\n", stderr);
        return EXIT_USAGE;
    }
    const size_t digits = strcmp(argv[2], "-") == 0 ? 0 : strlen(argv[2]);
    if (digits / 2 > sizeof(needle) ||
        hex_decode(bytes_of(argv[2], digits), needle, digits / 2) != ST_OK) {
        fputs("flip: NEEDLE is not hexadecimal\n", stderr);
        return EXIT_USAGE;
    }
    struct stat info;
    const int fd = open(argv[1], O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) return failed(argv[1]);
    const size_t size = (size_t)info.st_size;
    uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) return failed(argv[1]);
    const long long offset = strtoll(argv[3], NULL, 10);
    const uint8_t mask = (uint8_t)(1u << (argc == 5 ? strtoul(argv[4], NULL, 10) & 7 : 0));
    size_t from = 0, count = 0;
    const uint8_t *found;
    while ((found = digits == 0 ? bytes : memmem(bytes + from, size - from, needle, digits / 2))) {
        const long long at = found - bytes + offset;
        from = (size_t)(found - bytes) + 1;
        if (at < 0 || (size_t)at >= size) break;
        bytes[at] ^= mask;
        printf("%lld\n", at);
        count++;
        if (digits == 0) break;
    }
    if (count == 0) {
        fputs("flip: there is no such byte\n", stderr);
        return EXIT_NOT_FOUND;
    }
    if (msync(bytes, size, MS_SYNC) != 0) return failed(argv[1]);
    return 0;
}
