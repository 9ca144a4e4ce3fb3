/* process.h - what both programs settle about themselves before anything else. */
#ifndef HOLDFAST_COMMON_SHELL_PROCESS_H
#define HOLDFAST_COMMON_SHELL_PROCESS_H

/* Files of ours are for their owner alone, whatever umask we were started with; and a crash leaves
 * no image of the memory, which holds secret keys, neither in a file nor through a pipe. */
void process_harden(void);

/* Takes the second back, to the limit that we were started with: for who looks for a fault. */
void process_allow_core_dumps(void);

#endif
