#!/bin/sh
# test_tidy.sh - each rule of the style program finds a file that breaks it, and nothing else.
set -u

tidy=$(cd "$(dirname "$0")" && pwd)/tidy.sh
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
number=0

# A small tree that keeps every rule.
clean_tree()
{
    rm -rf "$tree"/* && mkdir -p "$tree/common/data" "$tree/tests/unit" "$tree/tests/tidy"
    for room in . common common/data tests tests/unit tests/tidy; do
        echo "# A room" >"$tree/$room/README.md"
    done
    echo "# Makefile - builds" >"$tree/Makefile"
    : >"$tree/tests/tidy/allow.txt"
    c_file common/data/good.c 'int good_sum(int a, int b)
{
    /* Said in a comment, time( and malloc( are no calls. */
    const char *text = "strcpy( // \" rand(";
    return a + b + (text[0] == (char)39);
}'
}

c_file() # path, code
{
    mkdir -p "$tree/$(dirname "$1")"
    printf '/* %s - an example. */\n%s\n' "$(basename "$1")" "$2" >"$tree/$1"
}

ok() # exit code of the check, name
{
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        echo "$said" | sed 's/^/# /'
    fi
}

passes() # name
{
    said=$(sh "$tidy" --root "$tree" 2>&1)
    ok $? "$1"
}

# Exactly one breach, of this rule, in this place.
finds() # rule, place, name
{
    said=$(sh "$tidy" --root "$tree" 2>&1)
    exit_code=$?
    [ $exit_code -eq 1 ] && [ "$(echo "$said" | wc -l)" -eq 1 ] &&
        echo "$said" | grep -q "^$2: $1: ."
    ok $? "$3"
    clean_tree
}

in_function() # path, statement
{
    c_file "$1" "void f(void)
{
    $2
}"
}

banned() # rule, statement, name
{
    in_function common/data/bad.c "$2"
    finds "$1" common/data/bad.c:4 "$3"
}

lines() # count
{
    awk -v count="$1" 'BEGIN { for (i = 0; i < count; i++) print "    ;" }'
}

clean_tree
passes "a clean tree passes"

c_file common/data/bad.c '#include "common/wire/pack.h"'
finds include common/data/bad.c:2 "a pure value must not include the wire"
c_file edge-bridge/bad.c '#include "cloud-consumer/cloud.h"'
echo "# A room" >"$tree/edge-bridge/README.md"
finds include edge-bridge/bad.c:2 "an engine must not include the other engine"
c_file edge-bridge/bad.c '#include "common/shell/loop.h"'
echo "# A room" >"$tree/edge-bridge/README.md"
finds include edge-bridge/bad.c:2 "an engine must not include the shell"
c_file edge-bridge/main.c '#include "common/shell/loop.h"
#include "edge-bridge/edge.h"'
echo "# A room" >"$tree/edge-bridge/README.md"
passes "a main may include the shell and its engine"
clean_tree
c_file common/data/bad.c '#include "tests/unit/help.h"'
finds include common/data/bad.c:2 "nobody includes the tests"
c_file common/data/bad.c '#include "good.h"'
finds include common/data/bad.c:2 "an include without its full path is refused"
for header in sqlite3.h msgpack.h msgpack/pack.h zstd.h sodium.h openssl/evp.h MQTTAsync.h \
    time.h pthread.h unistd.h sys/socket.h ini.h jansson.h cmocka.h; do
    c_file common/data/bad.c "#include <$header>"
    finds home common/data/bad.c:2 "$header stays in its home"
done

banned time 'now = time(NULL);' "time( is banned"
banned time 'clock_gettime(0, &now);' "clock_gettime( is banned"
banned rand 'dice = rand();' "rand( is banned"
banned string 'strcpy(to, from);' "strcpy( is banned"
banned string 'strcat(to, from);' "strcat( is banned"
banned string 'sprintf(to, "%d", 1);' "sprintf( is banned"
banned gets 'gets(to);' "gets( is banned"
banned atoi 'n = atoi(text);' "atoi( is banned"
banned memcmp 'same = memcmp(a->secret, b, 32) == 0;' "memcmp( of a secret is banned"
banned getenv 'home = getenv("HOME");' "getenv( is banned"
banned assert 'assert(n > 0);' "assert( is banned"
banned print 'printf("hello");' "printf( is banned in an engine"
banned exit 'exit(1);' "exit( is banned in an engine"
banned system 'system("ls");' "system( is banned"
banned thread 'static _Thread_local int n;' "thread local state is banned"
banned comment 'go(); // fast' "a // comment is banned"
banned malloc 'p = malloc(1);' "malloc( is banned while an engine runs"
banned words "/* TO""DO: more */" "unfinished work is refused"
banned words "/* good enough for n""ow. */" "a promise is refused"
banned paths 'go("/ho''me/me/file");' "a path of one machine is refused"

in_function common/data/fine.c 'port->random(out); event_time(1); snprintf(t, 9, "%d", 1);'
c_file common/data/opens.c 'enum status thing_open(struct thing **out)
{
    *out = malloc(sizeof **out);
}'
passes "calls that only look banned, and malloc( in an open, are fine"
clean_tree

in_function common/data/bad.c 'p = malloc(1);'
echo '1 malloc common/data/bad.c' >"$tree/tests/tidy/allow.txt"
passes "a breach that is counted in the allow-list passes"
in_function common/data/bad.c 'p = malloc(1);
    q = malloc(1);'
said=$(sh "$tidy" --root "$tree" 2>&1)
[ $? -eq 1 ] && echo "$said" | grep -q '(1 allowed, 2 found)'
ok $? "one breach more than counted is refused"
in_function common/data/bad.c 'p = 0;'
finds allow tests/tidy/allow.txt "a count that is higher than what is left is refused"

c_file common/data/long.c "int f(void)
{
$(lines 67)
}"
passes "a function of 70 lines is fine"
c_file common/data/long.c "int f(void)
{
$(lines 68)
}"
finds function common/data/long.c:2 "a function of 71 lines is refused"
{ c_file common/data/long.c '' && lines 598 >>"$tree/common/data/long.c"; }
passes "a file of 600 lines is fine"
lines 1 >>"$tree/common/data/long.c"
finds lines common/data/long.c:601 "a file of 601 lines is refused"
c_file common/data/wide.c "int $(printf '%095d' 0 | tr 0 x);"
passes "a line of 100 columns is fine"
c_file common/data/wide.c "int $(printf '%096d' 0 | tr 0 x);"
finds columns common/data/wide.c:2 "a line of 101 columns is refused"
echo 'int x;' >"$tree/common/data/mute.c"
finds purpose common/data/mute.c:1 "a C file that does not say its purpose is refused"
echo 'echo' >"$tree/tests/mute.sh"
finds purpose tests/mute.sh:1 "a script that does not say its purpose is refused"

mkdir "$tree/attic"
finds top attic "a new entry at the top level is refused"
rm "$tree/common/data/README.md"
finds readme common/data "a room without README is refused"
lines 40 >"$tree/common/data/README.md"
passes "a README of 40 lines is fine"
lines 41 >"$tree/common/data/README.md"
finds readme common/data/README.md:41 "a README of 41 lines is refused"
mkdir "$tree/tests/unit/deep" && echo x >"$tree/tests/unit/deep/README.md"
finds readme tests/unit/deep/README.md "a second README in a room is refused"
echo x >"$tree/tests/a b"
finds name './tests/a b' "a file name with a blank is refused"

# Symbols: archives as the build makes them.
archive() # room, code
{
    mkdir -p "$tree/build/lib" && echo "$2" >"$tree/build/$1.c" &&
        "${CC:-gcc}" -c "$tree/build/$1.c" -o "$tree/build/$1.o" &&
        ar rcs "$tree/build/lib/lib$1.a" "$tree/build/$1.o"
}
symbols() # rule, name
{
    said=$(sh "$tidy" --root "$tree" --build "$tree/build" 2>&1)
    [ $? -eq 1 ] && [ "$(echo "$said" | wc -l)" -eq 1 ] && echo "$said" | grep -q ": $1: ."
    ok $? "$2"
    rm -rf "$tree/build"
}
archive edge 'int edge_open(void) { return 1; } static int own(void) { return 1; }
    const int table[2] = {1, 2}; int edge_own(void) { return own(); }'
archive cloud 'int edge_open(void) { return 2; } static int own(void) { return 1; }
    int cloud_own(void) { return own(); }'
symbols symbol "a symbol that both engines define is refused"
archive edge 'int edge_count(void) { static int n; return ++n; }'
symbols state "static state in an engine is refused"
archive edge 'int edge_count(void) { static const int n[] = {1, 2}; return n[0]; }'
archive shell 'int shell_count(void) { static int n; return ++n; }'
said=$(sh "$tidy" --root "$tree" --build "$tree/build" 2>&1)
ok $? "constants in an engine and state in the shell are fine"

echo "1..$number"
