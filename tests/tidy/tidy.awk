# tidy.awk - the rules of style that look at one file at a time; tidy.sh calls it.
#
# Reads rules.txt and allow.txt, then every file named after them. Prints one line for each breach
# and ends with exit code 1 when there is one. Works by line: it relies on clang-format's shape, in
# which a function's braces stand alone in the first column.

BEGIN {
    LINES_MAX = 600; FUNCTION_LINES_MAX = 70; COLUMNS_MAX = 100
    # The words are cut in two, so that this file does not break its own rule.
    words = "(^|[^A-Za-z0-9_])(TO" "DO|FIX" "ME|X" "XX)($|[^A-Za-z0-9_])|not impl" "emented" \
        "|[Ff]or n" "ow[ .,;:)]"
    machine_paths = "(^|[^A-Za-z0-9_.~])/(work|ho" "me)/"
    boundary = "(^|[^A-Za-z0-9_>.])"
    any_ban = ""
}

function breach(rule, line, text)
{
    key = rule " " FILENAME
    found[key]++
    told[key] = told[key] FILENAME ":" line ": " rule ": " text "\n"
}

FILENAME ~ /rules[.]txt$/ && !rules_read {
    if ($0 ~ /^(#|$)/) next
    count = split($0, field, " :: ")
    if (field[1] == "room") {
        room_prefix[++rooms] = field[2]; room_allows[rooms] = " " field[3] " "
    } else if (field[1] == "home") {
        home_header[++homes] = "^" field[2] "$"; home_path[homes] = field[3]
    } else if (field[1] == "ban" && count == 5) {
        ban_name[++bans] = field[2]; ban_what[bans] = boundary field[3]
        ban_path[bans] = field[4]; ban_instead[bans] = field[5]
        any_ban = any_ban (any_ban == "" ? "" : "|") field[3]
    } else { print FILENAME ":" FNR ": rules: not understood"; failed = 1 }
    next
}

FILENAME ~ /allow[.]txt$/ && !allow_read {
    rules_read = 1
    if ($0 ~ /^(#|$)/) next
    if (split($0, field, " ") != 3) { print FILENAME ":" FNR ": allow: not understood"; failed = 1 }
    allowed[field[2] " " field[3]] = field[1] + 0
    next
}

FNR == 1 {
    allow_read = 1
    end_of_file()
    path = FILENAME
    base = path; sub(/.*\//, "", base)
    is_c = base ~ /[.][ch]$/
    is_code = is_c || base ~ /[.](sh|awk|py|conf|ya?ml)$/ || base == "Makefile"
    in_comment = in_function = 0; signature = ""
    has_purpose = 0
    room = room_of(path)
}

{ last_line = FNR }

FNR <= 2 && is_code {
    opening = is_c ? "/* " : "# "
    if (index($0, opening base " - ") == 1) has_purpose = 1
}

is_code && FNR == LINES_MAX + 1 {
    breach("lines", FNR, "a file has at most " LINES_MAX " lines: split it by what it does")
}

is_code && length($0) > COLUMNS_MAX {
    columns = $0
    gsub(/[\200-\277]/, "", columns)
    if (length(columns) > COLUMNS_MAX) breach("columns", FNR, "more than " COLUMNS_MAX " columns")
}

is_code && $0 ~ words { breach("words", FNR, "finish it, or say it in the tracker") }
is_code && $0 ~ machine_paths { breach("paths", FNR, "a path of one machine: make it a setting") }

!is_c { next }

/^[ \t]*#[ \t]*include/ { check_include(); next }

{
    code = code_of($0)
    if (code ~ /\/\//) breach("comment", FNR, "use /* a sentence. */ instead of //")
    if (code ~ any_ban) check_bans()
    follow_functions()
    if (code ~ /(malloc|calloc|realloc|strdup|strndup|asprintf)[(]/) check_allocation()
}

END { end_of_file(); report() }

function end_of_file()
{
    if (path == "") return
    if (is_code && !has_purpose) {
        key = "purpose " path
        found[key]++
        told[key] = path ":1: purpose: start with " (is_c ? "/* " : "# ") base " - what it is for\n"
    }
}

# The line without comments and without what stands in quotes.
function code_of(line,    out, at)
{
    out = ""
    while (line != "") {
        if (in_comment) {
            at = index(line, "*/")
            if (!at) return out
            line = substr(line, at + 2)
            in_comment = 0
        } else if (match(line, /["']|\/\*|\/\//)) {
            out = out substr(line, 1, RSTART - 1)
            if (substr(line, RSTART, 2) == "/*") {
                in_comment = 1
                line = substr(line, RSTART + 2)
            } else if (substr(line, RSTART, 2) == "//") {
                return out "//"
            } else {
                line = substr(line, RSTART)
                if (!match(line, /^"([^"\\]|\\.)*"|^'([^'\\]|\\.)*'/)) return out
                out = out "\"\""
                line = substr(line, RLENGTH + 1)
            }
        } else {
            return out line
        }
    }
    return out
}

function room_of(file,    i, best)
{
    best = 0
    for (i = 1; i <= rooms; i++)
        if (index(file, room_prefix[i]) == 1 &&
            (!best || length(room_prefix[i]) > length(room_prefix[best]))) best = i
    return best
}

# The name by which rules.txt calls the room of a file.
function room_name(file)
{
    if (file ~ /^common\//) sub(/^common\//, "", file)
    sub(/\/.*/, "", file)
    return file
}

function check_include(    target, i)
{
    target = $0
    if (target ~ /</) {
        sub(/^[^<]*</, "", target); sub(/>.*/, "", target)
        for (i = 1; i <= homes; i++)
            if (target ~ home_header[i] && path !~ home_path[i])
                breach("home", FNR, "<" target "> has its home elsewhere: " home_path[i])
        return
    }
    sub(/^[^"]*"/, "", target); sub(/".*/, "", target)
    if (target !~ /\//) { breach("include", FNR, "write the path from the root: " target); return }
    if (!room || room_name(target) == room_name(path)) return
    if (index(room_allows[room], " " room_name(target) " ") == 0)
        breach("include", FNR, room_name(path) " must not include " target)
    else if (path !~ /^tests\// && target ~ /_main[.]h$|\/cli/)
        if (path !~ /\/(main|cli[a-z_]*)[.][ch]$/)
            breach("include", FNR, "only the command lines include " target)
}

function check_bans(    i)
{
    for (i = 1; i <= bans; i++)
        if (code ~ ban_what[i] && (ban_path[i] == "-" || path !~ ban_path[i]))
            breach(ban_name[i], FNR, "use " ban_instead[i])
}

function follow_functions(    name)
{
    if (in_function) {
        if ($0 ~ /^}/) {
            if (FNR - signature_line + 1 > FUNCTION_LINES_MAX)
                breach("function", signature_line, function_name " has " \
                    (FNR - signature_line + 1) " lines, at most " FUNCTION_LINES_MAX)
            in_function = 0; signature = ""
        }
        return
    }
    if ($0 == "{") {
        name = signature
        if (match(name, /[A-Za-z_][A-Za-z0-9_]*[(]/)) name = substr(name, RSTART, RLENGTH - 1)
        in_function = 1; function_name = name
        if (signature == "") signature_line = FNR
        return
    }
    if (code ~ /^[ \t]*$/ || code ~ /^[#}]/ || code ~ /;[ \t]*$/) { signature = ""; return }
    if (signature == "") signature_line = FNR
    signature = signature code
}

# An engine that allocates while it runs can run out of memory half-way through a batch.
function check_allocation()
{
    if (path ~ /^(tests|common\/shell)\// || path ~ /\/(main|cli[a-z_]*)[.]c$/) return
    if (in_function && function_name ~ /(^|_)open(_|$)/) return
    breach("malloc", FNR, "allocate in x_open only: a running engine uses what it opened with")
}

function report(    key, part)
{
    for (key in found) {
        if (found[key] <= allowed[key] + 0) continue
        printf "%s", told[key]
        if (allowed[key]) print "    (" allowed[key] " allowed, " found[key] " found)"
        failed = 1
    }
    for (key in allowed) {
        if (found[key] + 0 >= allowed[key]) continue
        split(key, part, " ")
        print "tests/tidy/allow.txt: allow: " part[2] " has only " found[key] + 0 " of rule " \
            part[1] ": lower its count"
        failed = 1
    }
    exit failed + 0
}
