#!/bin/sh
# build.sh [OUT]: the golden object of this folder. Needs clang-19, llvm-strip-19 and libbpf-dev.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
include=$(cc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
clang-19 -O2 -g -mcpu=v3 -target bpf -fdebug-compilation-dir=. -I"/usr/include/$include" -c unlink.bpf.c -o "$out/unlink.bpf.o"
llvm-strip-19 -g "$out/unlink.bpf.o"
