/* version.h - the version that --version prints and that GENESIS and BOOT entries name. */
#ifndef HOLDFAST_COMMON_SHELL_VERSION_H
#define HOLDFAST_COMMON_SHELL_VERSION_H

#define HOLDFAST_VERSION "0.2.0"

#endif
