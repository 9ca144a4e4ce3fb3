/* tls_policy.h - what every TLS connection of this process must fulfil, and why one failed.
 *
 * Paho makes the TLS connections and has no setting for a least version, for the time that
 * certificates are judged at, or for the reason of a failure. OpenSSL calls back for each
 * connection that is made in the process, whoever makes it (CRYPTO_EX_new), and there:
 *   - TLS 1.3 is demanded, and security level 2 (no key weaker than 112 bits);
 *   - the broker's name is judged in the handshake, so that nothing is sent to the wrong one;
 *   - dates are judged at tls_policy_time, not by the wall clock: a node whose clock is in 1970 or
 *     a century ahead must reach the cloud, which tells it the time. Until a time is certain, dates
 *     are not judged at all; what the cloud says is signed, so a broker with an expired certificate
 *     gains no more than any broker has (it can delay and drop);
 *   - what was wrong with a certificate, ours or the broker's, is kept as a sentence for people.
 * Callbacks run on Paho's threads; all functions here are for any thread. */
#ifndef HOLDFAST_COMMON_SHELL_TLS_POLICY_H
#define HOLDFAST_COMMON_SHELL_TLS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TLS_SENTENCE_SIZE_MAX = 256 };

#define TLS_TIME_UNKNOWN INT64_C(0)

/* For all connections made from now on; a second call does nothing. False: the library refuses, and
 * no TLS connection may be made. */
bool tls_policy_start(void);

/* Unix seconds at which the dates of certificates are judged in connections made from now on. */
void tls_policy_time(int64_t unix_s);

/* Why the newest connection to this host failed; false: nothing is known. The sentence is forgotten
 * by that; out may be NULL. */
bool tls_policy_take(const char *host, char out[TLS_SENTENCE_SIZE_MAX]);

/* Unix seconds at which the first certificate in the newest broker's chain expires; 0: none was
 * verified yet. */
int64_t tls_policy_broker_expires_s(void);

#endif
