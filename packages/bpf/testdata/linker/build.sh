#!/bin/sh
# Builds the golden objects beside their sources. Needs clang-19 and libbpf-dev.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
include=$(cc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
for name in main part values strong; do
	for target in bpf bpfeb; do
		suffix=$([ $target = bpf ] || echo -eb)
		clang-19 -O2 -g -mcpu=v3 -fdebug-compilation-dir=. -target $target -I"/usr/include/$include" -c $name.bpf.c -o "$out/$name$suffix.bpf.o"
		llvm-strip-19 -g "$out/$name$suffix.bpf.o"
	done
done
