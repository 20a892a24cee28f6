#!/usr/bin/env bash
# Is there a C compiler? The race detector needs one.
command -v "${CC:-gcc}" >/dev/null 2>&1 || command -v cc >/dev/null 2>&1
