#!/bin/sh
# Builds the golden objects beside their sources. Needs clang-19 and libbpf-dev.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
include=$(cc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
clang-19 -O2 -g -mcpu=v3 -fdebug-compilation-dir=. -target bpf -I"/usr/include/$include" -c kitchen.bpf.c -o "$out/kitchen.bpf.o"
clang-19 -O2 -g -mcpu=v3 -fdebug-compilation-dir=. -target bpfeb -I"/usr/include/$include" -c kitchen.bpf.c -o "$out/kitchen-eb.bpf.o"
for name in externs kconfig; do
	clang-19 -O2 -g -mcpu=v3 -fdebug-compilation-dir=. -target bpf -I"/usr/include/$include" -c $name.bpf.c -o "$out/$name.bpf.o"
done
clang-19 -O2 -mcpu=v4 -target bpf -c instructions.bpf.c -o "$out/instructions.bpf.o"
for o in kitchen kitchen-eb externs kconfig instructions; do
	llvm-strip-19 -g "$out/$o.bpf.o"
done
