/* tracks_interest.c - which tracks an edge wants: by whose observations are in them. */
#include <stdlib.h>
#include <string.h>

#include "cloud-consumer/config_store.h"
#include "cloud-consumer/tracks_state.h"

static int compare_members(const void *a, const void *b)
{
    const struct track_member *const x = a, *const y = b;
    return memcmp(x->name.text, y->name.text, NODE_NAME_SIZE);
}

static const struct track_member *member_of(const struct cloud_tracks *tracks,
                                            const struct node_name *name)
{
    const struct track_member key = {.name = *name};
    return bsearch(&key, tracks->members, tracks->member_count, sizeof key, compare_members);
}

static bool shares_group(const uint64_t a[GROUP_WORDS], const uint64_t b[GROUP_WORDS])
{
    for (unsigned i = 0; i < GROUP_WORDS; i++)
        if ((a[i] & b[i]) != 0) return true;
    return false;
}

/* The group's number; ROSTER_GROUPS_MAX: there are too many. */
static size_t group_number(struct cloud_tracks *tracks, const struct level_name *group)
{
    size_t i = 0;
    while (i < tracks->group_count && strcmp(tracks->groups[i].text, group->text) != 0)
        i++;
    if (i == tracks->group_count && i < ROSTER_GROUPS_MAX)
        tracks->groups[tracks->group_count++] = *group;
    return i;
}

/* Who shares a group with this edge, as one number. */
static uint64_t mates_of(const struct cloud_tracks *tracks, const struct track_peer *peer)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < tracks->member_count; i++) {
        const struct track_member *const member = &tracks->members[i];
        if (!shares_group(member->groups, peer->groups)) continue;
        for (size_t j = 0; j < NODE_NAME_SIZE; j++)
            hash = (hash ^ (uint8_t)member->name.text[j]) * UINT64_C(1099511628211);
    }
    return hash;
}

static struct track_served served_by(const struct track_peer *peer)
{
    const bool by_groups = peer->interest == INTEREST_GROUPS;
    return (struct track_served){
        .node = peer->node,
        .interest = (uint64_t)peer->interest,
        .mates = by_groups ? peer->mates : 0,
    };
}

enum status tracks_judge_peer(struct cloud *cloud, struct track_peer *peer)
{
    const struct cloud_tracks *const tracks = cloud->tracks;
    const struct track_member *const member = member_of(tracks, &peer->name);
    struct track_served before;
    memset(peer->groups, 0, sizeof peer->groups);
    if (member != NULL) memcpy(peer->groups, member->groups, sizeof peer->groups);
    peer->mates = mates_of(tracks, peer);
    const struct track_served now = served_by(peer);
    const enum status found = TRACKS(cloud, served_get, peer->node, &before);
    if (found == ST_OK && before.interest == now.interest && before.mates == now.mates)
        return ST_OK;
    if (found != ST_OK && found != ST_NOT_FOUND) return found;
    /* Nobody who wants nothing has a pass to end. */
    if (found == ST_NOT_FOUND || peer->interest == INTEREST_NONE)
        return TRACKS(cloud, served_put, &now);
    tracks_peer_restart(tracks, peer);
    return ST_OK;
}

enum status tracks_note_served(struct cloud *cloud, struct track_peer *peer)
{
    const struct track_served now = served_by(peer);
    peer->anew = false;
    return TRACKS(cloud, served_put, &now);
}

static enum status learn_member(struct cloud *cloud, int64_t node, const struct node_name *name)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct level_name groups[NODE_GROUPS_MAX];
    size_t count = 0;
    TRY(cloud_node_groups(cloud, node, groups, &count));
    if (count == 0 || tracks->member_count == ROSTER_NODES_MAX) return ST_OK;
    struct track_member *const member = &tracks->members[tracks->member_count++];
    *member = (struct track_member){.name = *name};
    for (size_t i = 0; i < count; i++) {
        const size_t number = group_number(tracks, &groups[i]);
        if (number < ROSTER_GROUPS_MAX) member->groups[number / 64] |= UINT64_C(1) << number % 64;
    }
    return ST_OK;
}

enum status tracks_learn_groups(struct cloud *cloud)
{
    struct cloud_tracks *const tracks = cloud->tracks;
    struct node_name after = {0};
    if (tracks->groups_known) return ST_OK;
    tracks->member_count = tracks->group_count = 0;
    for (;;) {
        struct roster_node node;
        int64_t id = 0;
        const enum status status = CONFIGS(cloud, roster_next, &after, &id, &node);
        if (status == ST_NOT_FOUND) break;
        if (status != ST_OK) return status;
        /* A revoked node's observations stay its group's; it is told nothing more. */
        TRY(learn_member(cloud, id, &node.name));
        if (node.revoked) cloud_tracks_peer_gone(cloud, id);
        after = node.name;
    }
    tracks->groups_known = true;
    qsort(tracks->members, tracks->member_count, sizeof tracks->members[0], compare_members);
    for (size_t i = 0; i < tracks->peer_count; i++)
        TRY(tracks_judge_peer(cloud, &tracks->peers[i]));
    return ST_OK;
}

void cloud_tracks_groups_changed(struct cloud *cloud)
{
    cloud->tracks->groups_known = false;
}

bool tracks_wanted(const struct cloud_tracks *tracks, const struct track_peer *peer,
                   const struct track *track)
{
    if (peer->interest != INTEREST_GROUPS) return peer->interest == INTEREST_ALL;
    for (unsigned i = 0; i < track->slot_count; i++) {
        const struct node_name *const writer = &track->slots[i].writer.node;
        if (node_name_equal(writer, &peer->name)) return true;
        const struct track_member *const member = member_of(tracks, writer);
        if (member != NULL && shares_group(member->groups, peer->groups)) return true;
    }
    return false;
}
