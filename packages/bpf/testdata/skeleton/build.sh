#!/bin/sh
# Builds the golden object beside its source. Needs clang-19 and libbpf-dev.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
include=$(cc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
clang-19 -O2 -g -mcpu=v3 -fdebug-compilation-dir=. -target bpf -I"/usr/include/$include" -c odd.bpf.c -o "$out/odd.bpf.o"
llvm-strip-19 -g "$out/odd.bpf.o"
